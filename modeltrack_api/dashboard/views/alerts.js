import * as api from "../api.js";
import { change } from "../address.js";
import { action, badge, card, el } from "../dom.js";
import { moment, name, usd } from "../format.js";
import { own } from "../lookup.js";
import { shown } from "../states.js";
import { table } from "../table.js";
import { alertBudgets } from "./alert_budgets.js";

const KINDS = {
  anomaly: ["unusual spend", "warn"],
  budget_warning: ["budget nearly spent", "warn"],
  budget_exceeded: ["budget spent", "bad"],
  unknown_model: ["no price", "warn"],
};

export default {
  title: "Alerts",
  filters: [],

  async load({ get, params }) {
    const [alerts, budgets] = await Promise.all([
      api.part(get("/api/alerts", params.dismissed ? { include_dismissed: "true" } : {})),
      api.part(get("/api/alerts/budgets")),
    ]);
    return { alerts, budgets };
  },

  render({ alerts, budgets }, { params, reload }) {
    return [
      card("Alerts", shown(alerts, (data) => list(data, params, reload))),
      card("Limits that only alert", shown(budgets, (data) => alertBudgets(data, reload))),
    ];
  },
};

function list(alerts, params, reload) {
  const open = alerts.filter((alert) => !alert.dismissed_at);
  const isAll = Boolean(params.dismissed);
  const box = el("input", { type: "checkbox", id: "dismissed", checked: isAll, onchange: () => change({ dismissed: isAll ? null : "1" }) });
  const then = (work) => async () => {
    const said = await work();
    reload();
    return said;
  };
  return el(
    "div",
    { class: "stack" },
    el(
      "div",
      { class: "row" },
      el("label", { class: "check" }, box, "Show dismissed"),
      open.length > 0 &&
        action("Dismiss all", then(async () => `Dismissed: ${(await api.patch("/api/alerts/dismiss-bulk", { ids: open.map((a) => a.id) })).dismissed}.`), { id: "dismiss-all" }),
      isAll && action("Restore all", then(async () => `Restored: ${(await api.patch("/api/alerts/restore-all")).restored}.`), { id: "restore-all" }),
      action("Test Slack", async () => (await api.post("/api/alerts/test-slack")).message, { id: "test-slack" }),
    ),
    alerts.length ? table("Alerts", columns(then), alerts) : el("p", { class: "state" }, "Nothing to look at: no alerts."),
  );
}

const columns = (then) => [
  { head: "Raised", value: (a) => a.created_at, cell: (a) => moment(a.created_at) },
  { head: "Kind", value: (a) => a.type, cell: (a) => badge(...own(KINDS, a.type, [a.type])) },
  { head: "Message", value: (a) => a.message, cell: (a) => el("span", { class: "advice" }, a.message) },
  { head: "Team", value: (a) => a.team, cell: (a) => name(a.team) },
  { head: "App", value: (a) => a.app_id, cell: (a) => name(a.app_id) },
  { head: "In the hour", value: (a) => a.hourly_spend, cell: (a) => (a.hourly_spend === null ? "–" : usd(a.hourly_spend)), num: true },
  { head: "Slack", value: (a) => a.slack ?? "", cell: (a) => (a.slack ? el("span", { title: a.slack_error }, a.slack) : "–") },
  {
    head: "Dismiss",
    cell: (a) =>
      a.dismissed_at
        ? `on ${moment(a.dismissed_at).slice(0, 10)}`
        : action("Dismiss", then(async () => {
            await api.patch(`/api/alerts/${a.id}/dismiss`);
            return "Dismissed.";
          }), { "aria-label": `Dismiss: ${a.message}` }),
  },
];
