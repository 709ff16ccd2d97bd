/** Makes what several views show: spend by day, shares by label, the outcome of a call. */

import { href } from "../address.js";
import * as api from "../api.js";
import { area, chart } from "../charts.js";
import { announce, badge, el } from "../dom.js";
import { count, name, usd } from "../format.js";
import { table } from "../table.js";

export const ALL = ["dates", "team", "app_id", "model"];

/** A chart of spend by day. `days` is `[{day, spend, requests}]`, in order. */
export function spendByDay(title, days) {
  const total = days.reduce((sum, each) => sum + each.spend, 0);
  return chart(title, {
    summary: days.length ? `From ${days[0].day} to ${days.at(-1).day}, ${usd(total)} in all.` : "No days.",
    traces: () => [area(days.map((d) => d.day), days.map((d) => d.spend), "Spend")],
    table: table(
      title,
      [
        { head: "Day", value: (d) => d.day },
        { head: "Spend", value: (d) => d.spend, cell: (d) => usd(d.spend), num: true },
        { head: "Requests", value: (d) => d.requests, cell: (d) => count(d.requests), num: true },
      ],
      [...days].reverse(),
    ),
  });
}

/** A card of amounts by label with bars, highest first. `view` is the view to link to, filtered by the label. */
export function shares(title, head, amounts, { view, key, most = 8 } = {}) {
  const rows = Object.entries(amounts).map(([label, amount]) => ({ label, amount }));
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
        { head: "Spend", value: (row) => row.amount, cell: (row) => usd(row.amount), num: true, bar: true },
      ],
      rows.slice(0, most),
    ),
    rows.length > most && view && el("p", { class: "quiet" }, el("a", { href: href(view) }, `All ${rows.length}`)),
  );
}

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
  return el("span", {}, found.length ? found : badge("ok"));
}

export const tokens = (event) => (event.input_tokens ?? 0) + (event.output_tokens ?? 0);

/** Posts a form and announces `said`, or the error. The form is only cleared if the API accepted it. */
export async function submit(form, path, body, said, reload) {
  const { error } = await api.part(api.post(path, body));
  announce(error ? error.message : said, Boolean(error));
  if (error) return;
  form.reset();
  reload();
}
