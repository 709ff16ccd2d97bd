/** Makes what several views show: spend by day, shares by label, the outcome of a call. */

import { href } from "../address.js";
import * as api from "../api.js";
import { area, chart } from "../charts.js";
import { announce, badge, el } from "../dom.js";
import { count, name, names, usd } from "../format.js";
import { own } from "../lookup.js";
import { leftOut, spend, together } from "../money.js";
import { table } from "../table.js";

export const ALL = ["dates", "team", "app_id", "model", "user", "key_id"];

/** A chart of spend by day. `days` is `[{day, spend, requests, unpriced_requests}]`, in order. */
export function spendByDay(title, days) {
  const total = together(days, "spend");
  return chart(title, {
    summary: days.length ? `From ${days[0].day} to ${days.at(-1).day}, ${usd(total.amount)} in all. ${leftOut(total)}`.trim() : "No days.",
    traces: () => [area(days.map((d) => d.day), days.map((d) => d.spend), "Spend")],
    table: table(
      title,
      [
        { head: "Day", value: (d) => d.day },
        spend("spend", "Spend", {}),
        { head: "Requests", value: (d) => d.requests, cell: (d) => count(d.requests), num: true },
      ],
      [...days].reverse(),
    ),
  });
}

/**
 * A card of amounts by label with bars, highest first. `view` is the view to link to, filtered by the label. `unpriced`
 * has the numbers of calls without a known price, by label.
 */
export function shares(title, head, amounts, { view, key, unpriced = {}, most = 8 } = {}) {
  const rows = Object.entries(amounts).map(([label, amount]) => ({ label, amount, unpriced_requests: own(unpriced, label, 0) }));
  rows.sort((a, b) => b.amount - a.amount);
  const link = ({ label }) => (view ? el("a", { href: href(view, { [key]: label }) }, name(label)) : name(label));
  return el(
    "section",
    { class: "card" },
    el("h2", {}, title),
    table(
      title,
      [
        { head, value: (row) => row.label, cell: link },
        spend("amount"),
      ],
      rows.slice(0, most),
    ),
    rows.length > most && view && el("p", { class: "quiet" }, el("a", { href: href(view) }, `All ${rows.length}`)),
  );
}

/** Columns for the user and the key of rows, as far as any row has one. */
export const callers = (rows) =>
  [
    { head: "User", value: (row) => row.user ?? "", cell: (row) => names(row.user) },
    { head: "Key", value: (row) => row.key_id ?? "", cell: (row) => name(row.key_id) },
  ].filter(({ value }) => rows.some(value));

/** Badges that say what the proxy did with a call, and how it ended. */
export function outcome(event) {
  if (event.event_type !== "llm_api") return badge(event.event_type.replaceAll("_", " "));
  const found = [];
  if (event.blocked_by) found.push(badge(`refused: ${event.blocked_by.replaceAll("_", " ")}`, "bad"));
  else if (event.status_code >= 400) found.push(badge(`${event.status_code} ${event.error ?? ""}`.trim(), "bad"));
  else if (event.error) found.push(badge(event.error, "bad"));
  if (event.cache_hit) found.push(badge("cache hit", "good"));
  if (event.routed_to) found.push(badge(`instead of ${event.routed_from}`, "good"));
  if (event.usage_estimated) found.push(badge("estimated", "warn"));
  if (event.unpriced_usage) found.push(el("span", { title: event.unpriced_usage.join("\n") }, badge("in part no price", "warn")));
  for (const [key, text] of Object.entries(MARKS)) if (event[key]) found.push(badge(text));
  return el("span", {}, found.length ? found : badge("ok"));
}

const MARKS = { unmetered: "not metered", prewarm: "prewarm", replayed: "replayed", answered_locally: "answered locally" };

/** Posts a form and announces `said`, or the error. The form is only cleared if the API accepted it. */
export async function submit(form, path, body, said, reload) {
  const { error } = await api.part(api.post(path, body));
  announce(error ? error.message : said, Boolean(error));
  if (error) return;
  form.reset();
  reload();
}
