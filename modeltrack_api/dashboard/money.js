/** Shows sums of money, with how many calls are not in them because their price is not known. */

import { badge, el } from "./dom.js";
import { count, NO_PRICE, usd } from "./format.js";

/**
 * Shows a sum. `row` has the counts beside it: `unpriced_requests`, of calls that are not in it, and
 * `unpriced_usage_requests`, of calls that are in it in part. `format` is that of the amount.
 */
export function sum(amount, row, format = usd) {
  const missing = leftOut(row);
  if (amount === null) return el("span", { class: "quiet", title: missing || "Its price is not known." }, NO_PRICE);
  if (!missing) return format(amount);
  const number = (row.unpriced_requests ?? 0) + (row.unpriced_usage_requests ?? 0);
  return el("span", { title: missing, class: "lacking" }, badge(`+ ${count(number)} ${NO_PRICE}`, "warn"), format(amount));
}

/** Says in a sentence what a sum leaves out; "" if that is nothing. */
export function leftOut({ unpriced_requests: none = 0, unpriced_usage_requests: part = 0 }) {
  return [
    none && `${calls(none)} no known price and ${none === 1 ? "is" : "are"} not in the sum.`,
    part && `${calls(part)} no known price for a part of what was billed, which is not in the sum.`,
  ]
    .filter(Boolean)
    .join(" ");
}

const calls = (number) => (number === 1 ? "1 call has" : `${count(number)} calls have`);

/** Says the same in a few words, for the note below a figure; `other` if nothing is left out. */
export function note({ unpriced_requests: none = 0, unpriced_usage_requests: part = 0 }, other = null) {
  if (!none && !part) return other;
  const whole = none && `${count(none)} ${none === 1 ? "call" : "calls"} without a price left out`;
  return [whole, part && `${count(part)} ${none ? "" : part === 1 ? "call " : "calls "}left out in part`].filter(Boolean).join(", ");
}

/** Adds amounts up. The sum is null if none of them is known. */
export function added(amounts) {
  const known = amounts.filter((amount) => amount !== null && amount !== undefined);
  return known.length || !amounts.length ? known.reduce((total, amount) => total + amount, 0) : null;
}

/** Adds the amounts and the counts of rows up. `key` names the amount, which becomes `amount`. */
export const together = (rows, key) => ({
  amount: added(rows.map((row) => row[key])),
  unpriced_requests: added(rows.map((row) => row.unpriced_requests)),
  unpriced_usage_requests: added(rows.map((row) => row.unpriced_usage_requests)),
});

/** A column of sums of money. */
export const spend = (key, head = "Spend", more = { bar: true }) => ({
  head,
  value: (row) => row[key],
  cell: (row) => sum(row[key], row),
  num: true,
  ...more,
});
