import * as api from "../api.js";
import { change } from "../address.js";
import { action, card, el, field, option, stat, stats } from "../dom.js";
import { about, count, name, percent, signed, usd } from "../format.js";
import { isOneOf } from "../lookup.js";
import { note, spend } from "../money.js";
import { shown } from "../states.js";
import { table } from "../table.js";
import { spendByDay } from "./common.js";
import { schedules } from "./schedules.js";

const PERIODS = { weekly: "Week", monthly: "Month", quarterly: "Quarter" };

export default {
  title: "Reports",
  filters: [],
  seconds: 0,

  async load({ get, params }) {
    const [report, planned] = await Promise.all([
      api.part(get("/api/reports/executive", asked(params))),
      api.part(get("/api/reports/schedules")),
    ]);
    return { report, planned };
  },

  render({ report, planned }, { params, reload }) {
    return [
      controls(params),
      shown(report, (data) => el("div", { class: "stack" }, body(data))),
      card("Sent to Slack", shown(planned, (data) => schedules(data, reload))),
    ];
  },
};

function asked({ period, report_end }) {
  const found = { period: isOneOf(PERIODS, period) ? period : "monthly" };
  return report_end ? { ...found, end_date: report_end } : found;
}

function controls(params) {
  const query = asked(params);
  const period = el(
    "select",
    { id: "period", onchange: () => change({ period: period.value }) },
    Object.entries(PERIODS).map(([key, label]) => option(key, label, key === query.period)),
  );
  const end = el("input", { id: "report_end", type: "date", value: query.end_date, onchange: () => change({ report_end: end.value || null }) });
  const file = (format) =>
    action(`Download ${format.toUpperCase()}`, async () => `Saved ${await api.download("/api/reports/executive/export", { ...query, format })}`, {
      id: `download-${format}`,
    });
  return el("div", { class: "row" }, field("Period", period), field("Up to", end), file("csv"), file("json"));
}

function body({ period, summary, trends, ...report }) {
  return [
    stats(
      stat("Period", el("span", { class: "name" }, period.label)),
      stat("Spend", usd(summary.total_spend), [since(trends.spend_change_pct), note(summary)].filter(Boolean).join("; ")),
      stat("Requests", count(summary.total_requests), since(trends.request_change_pct)),
      stat("A call", about(summary.avg_cost_per_request), cheaper(trends.cost_efficiency_change_pct)),
      stat("Cache hits", percent(summary.cache_hit_rate * 100)),
      stat("Models, teams, features", `${summary.unique_models} · ${summary.unique_teams} · ${summary.unique_features}`),
    ),
    spendByDay("Spend by day", report.daily_spend.map(({ date, ...rest }) => ({ day: date, ...rest }))),
    report.recommendations.length > 0 && card("Recommendations", el("ul", {}, report.recommendations.map((text) => el("li", {}, text)))),
    report.optimization_actions.length > 0 && card("What would save", table("What would save", ACTION, report.optimization_actions)),
    el(
      "div",
      { class: "columns wide" },
      card("By team", table("Report by team", share("team", "Team"), report.spend_by_team)),
      card("By model", table("Report by model", share("model", "Model"), report.spend_by_model)),
      card("By feature", table("Report by feature", share("feature", "Feature").slice(0, 3), report.spend_by_feature)),
      report.spend_by_user.length > 0 && card("By user", table("Report by user", share("user", "User"), report.spend_by_user)),
      report.spend_by_key.length > 0 && card("By key", table("Report by key", share("key_id", "Key"), report.spend_by_key)),
    ),
  ];
}

const since = (change) => (change === null ? "nothing before to compare with" : `${signed(change)} on the period before`);

/** Says how the cost of a call has changed. Efficiency goes up when a call costs less. */
function cheaper(change) {
  if (!change) return change === 0 ? "as before" : null;
  return `${percent(Math.abs(change))} ${change > 0 ? "cheaper" : "more expensive"} than before`;
}

const share = (key, head) => [
  { head, value: (row) => row[key], cell: (row) => name(row[key]) },
  spend("spend"),
  { head: "Requests", value: (row) => row.requests, cell: (row) => count(row.requests), num: true },
  { head: "Share", value: (row) => row.pct_of_total, cell: (row) => percent(row.pct_of_total), num: true },
];

const ACTION = [
  { head: "What", value: (row) => row.description },
  { head: "Would have saved", value: (row) => row.estimated_savings, cell: (row) => usd(row.estimated_savings), num: true },
];
