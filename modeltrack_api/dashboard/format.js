/** Formats numbers, times and names for people. All times are UTC, like budgets and days. */

const grouped = new Intl.NumberFormat("en-US");
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** What stands in the place of money that is not known: never $0.00. */
export const NO_PRICE = "no price";

/** Formats USD like addons/ledger/money.format_usd: two decimals from a dollar up, below that as many as needed. */
export function usd(amount) {
  if (amount === null || amount === undefined) return NO_PRICE;
  const nanos = Math.round(Math.abs(amount) * 1e9);
  const sign = amount < 0 && nanos > 0 ? "-" : "";
  if (nanos >= 1e9 || nanos === 0) return `${sign}$${cents.format(Math.floor((nanos + 5e6) / 1e7) / 100)}`;
  return `${sign}$0.${String(nanos).padStart(9, "0").replace(/0+$/, "").padEnd(2, "0")}`;
}

/** Formats averages and projections, whose last digits mean nothing: below a dollar with three significant digits. */
export function about(amount) {
  if (amount === null || amount === undefined || Math.abs(amount) >= 1) return usd(amount);
  return usd(Number(amount.toPrecision(3)));
}

export const count = (number) => (number === null || number === undefined ? "–" : grouped.format(number));
export const short = (number) => (number < 10000 ? count(number) : compact.format(number));
export const percent = (number, digits = 1) =>
  number === null || number === undefined ? "–" : `${grouped.format(Number(number.toFixed(digits)))} %`;
export const signed = (number) => (number > 0 ? `+${percent(number)}` : percent(number));

/** Shows a label, which is "" for calls without it. */
export const name = (text, none = "(none)") => text || none;
export const names = (text) => (text || "").split(",").filter(Boolean).join(", ") || "(none)";

export const moment = (text) => (text ? text.slice(0, 19).replace("T", " ") : "–");
export const clock = (text) => text.slice(11, 19);

export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Returns the day so many days from today (UTC), as YYYY-MM-DD. */
export const day = (offset = 0, from = Date.now()) => new Date(from + offset * 86400000).toISOString().slice(0, 10);
