import { href } from "../address.js";
import { card, el, stat, stats } from "../dom.js";
import { count, name, percent, usd } from "../format.js";
import { isOneOf } from "../lookup.js";
import { note } from "../money.js";
import { empty } from "../states.js";
import { ALL, shares, spendByDay } from "./common.js";

const NEAR = 80;

export default {
  title: "Overview",
  filters: ALL,

  async load({ get, query }) {
    const [overview, summary, budgets] = await Promise.all([
      get("/api/overview", query),
      get("/api/spend/summary", query),
      get("/api/budgets"),
    ]);
    return { overview, summary, budgets };
  },

  render({ overview, summary, budgets }, { query }) {
    if (!overview.total_requests) return empty();
    const hasDates = isOneOf(query, "start_date") || isOneOf(query, "end_date");
    const spends = hasDates
      ? [stat("Spend in these dates", usd(overview.spend_this_month), note(overview))]
      : [
          stat("Spend today", usd(overview.spend_today), note({ unpriced_requests: overview.unpriced_requests_today })),
          stat("This week", usd(overview.spend_this_week), note({ unpriced_requests: overview.unpriced_requests_this_week }, "from Monday")),
          stat("This month", usd(overview.spend_this_month), note({ unpriced_requests: overview.unpriced_requests_this_month })),
        ];
    return [
      warnings(budgets),
      stats(
        ...spends,
        stat("Requests", count(overview.total_requests)),
        stat("Refused", count(overview.blocked_requests), part(overview.blocked_requests, overview.total_requests)),
        stat("Saved by cache", usd(overview.saved_by_cache), note({ unpriced_requests: overview.unpriced_hits })),
        stat("Saved by downgrades", usd(overview.saved_by_routing), note({ unpriced_requests: overview.unpriced_routed })),
        top("Top model", overview.top_model, "model"),
        top("Top team", overview.top_team, "team"),
      ),
      spendByDay(hasDates ? "Spend by day" : "Spend by day, last 30 days", overview.spend_trend),
      el(
        "div",
        { class: "columns" },
        shares("Top models", "Model", summary.by_model, { view: "models", key: "model", unpriced: summary.unpriced_requests_by_model }),
        shares("Top teams", "Team", summary.by_team, { view: "teams", key: "team", unpriced: summary.unpriced_requests_by_team }),
        shares("Top apps", "App", summary.by_app, { view: "features", key: "app_id", unpriced: summary.unpriced_requests_by_app }),
        Object.keys(summary.by_user).some(Boolean) &&
          shares("Top users", "User", summary.by_user, { view: "users", key: "user", unpriced: summary.unpriced_requests_by_user }),
      ),
    ];
  },
};

const top = (label, found, key) => stat(label, found ? el("span", { class: "name" }, name(found[key])) : "–", found && usd(found.spend));

const part = (some, all) => (some ? `${percent((some / all) * 100)} of requests` : null);

function warnings(budgets) {
  const near = budgets.filter((budget) => budget.percent >= NEAR);
  if (!near.length) return null;
  const one = (budget) =>
    el(
      "li",
      {},
      el("a", { href: href("teams", { budget: budget.team, budget_app: budget.app }) }, name([budget.team, budget.app].filter(Boolean).join(" / "))),
      ` has spent ${percent(budget.percent)} of ${usd(budget.monthly_limit)} this month`,
      budget.percent >= 100 ? (budget.action === "block" ? ": its calls are refused." : ".") : ".",
    );
  return card("Budgets that need a look", el("ul", { class: "plain" }, near.map(one)));
}
