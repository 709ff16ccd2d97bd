import { href } from "../address.js";
import { card, el } from "../dom.js";
import { count, name, percent, usd } from "../format.js";
import { isOneOf, own } from "../lookup.js";
import { spend, sum } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import { burnDown } from "./burndown.js";
import { ALL } from "./common.js";

export default {
  title: "Teams",
  filters: ALL,

  async load({ get, query, params }) {
    const [teams, budgets] = await Promise.all([get("/api/teams", query), get("/api/budgets")]);
    const listed = budgets.filter((b) => !isOneOf(params, "team") || b.team === params.team);
    const budget = chosen(listed, params);
    const month = budget && { granularity: "day", start_date: `${new Date().toISOString().slice(0, 7)}-01`, team: budget.team };
    const days = budget && (await get("/api/spend", budget.app ? { ...month, app_id: budget.app } : month));
    return { teams, budgets: listed, budget, days };
  },

  render({ teams, budgets, budget, days }) {
    return [
      budget ? burnDown(budget, days) : null,
      card(
        "Budgets this month",
        budgets.length
          ? table("Budgets this month", BUDGET, budgets)
          : el("p", { class: "state" }, "No budgets: ", el("code", {}, "data/budgets.json"), " sets monthly limits for teams and their apps."),
      ),
      teams.length ? card("Spend by team", table("Spend by team", TEAM, teams)) : empty(),
    ];
  },
};

/** Returns the budget that the URL names, or else the one nearest to its limit. */
function chosen(budgets, { budget, budget_app = "" }) {
  return (
    budgets.find((b) => b.team === budget && b.app === budget_app) ??
    [...budgets].sort((a, b) => b.percent - a.percent)[0] ??
    null
  );
}

function meter(budget) {
  const kind = budget.percent >= 100 ? "bad" : budget.percent >= 80 ? "warn" : "";
  return el(
    "span",
    { class: `meter ${kind}`, style: { "--part": Math.min(budget.percent, 100) / 100 } },
    el("span", {}, percent(budget.percent)),
  );
}

const BUDGET = [
  {
    head: "Budget",
    value: (b) => `${b.team} / ${b.app}`,
    cell: (b) => el("a", { href: href("teams", { budget: b.team, budget_app: b.app }) }, b.app ? `${name(b.team)} / ${b.app}` : name(b.team)),
  },
  { head: "Used", value: (b) => b.percent, cell: meter, num: true },
  spend("spend", "Spent", {}),
  { head: "Limit", value: (b) => b.monthly_limit, cell: (b) => usd(b.monthly_limit), num: true },
  { head: "Left", value: (b) => b.remaining, cell: (b) => usd(b.remaining), num: true },
  { head: "Month's end, at this rate", value: (b) => b.projected_month_end, cell: (b) => usd(b.projected_month_end), num: true },
  { head: "Runs out", value: (b) => b.exhausted_on ?? "9", cell: (b) => b.exhausted_on ?? (b.spend === null ? "not known" : "not this month") },
  { head: "Then", value: (b) => b.action, cell: (b) => (b.action === "block" ? "refuses" : "warns") },
];

const parts = (amounts, unpriced) =>
  el(
    "ul",
    { class: "plain parts" },
    Object.entries(amounts).slice(0, 3).map(([key, amount]) => el("li", {}, `${name(key)} `, sum(amount, { unpriced_requests: own(unpriced, key, 0) }))),
  );

const TEAM = [
  { head: "Team", value: (t) => t.team, cell: (t) => el("a", { href: href("features", { team: t.team }) }, name(t.team)) },
  spend("total_spend"),
  { head: "Requests", value: (t) => t.request_count, cell: (t) => count(t.request_count), num: true },
  { head: "Infrastructure", value: (t) => t.infra_cost, cell: (t) => sum(t.infra_cost, {}), num: true },
  { head: "Most spent on models", cell: (t) => parts(t.by_model, t.unpriced_requests_by_model) },
  { head: "Most spent by apps", cell: (t) => parts(t.by_app, t.unpriced_requests_by_app) },
];
