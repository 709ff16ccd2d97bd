import { axis, bars, chart } from "../charts.js";
import { card, el, stat, stats } from "../dom.js";
import { count, name, percent, usd } from "../format.js";
import { added, note, sum, together } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";

export default {
  title: "Infrastructure",
  filters: ["dates", "team", "app_id"],

  async load({ get, query }) {
    const [infra, days, teams] = await Promise.all([
      get("/api/infrastructure", query),
      get("/api/spend", { ...query, granularity: "day" }),
      get("/api/teams", query),
    ]);
    return { infra, days, teams };
  },

  render({ infra, days, teams }) {
    const models = together(days, "total_spend");
    if (!infra.by_service.length && !days.length) return empty("costs");
    return [
      stats(
        stat("Infrastructure", usd(infra.total_infra_cost)),
        stat("Models", usd(models.amount), note(models)),
        stat("Together", usd(added([infra.total_infra_cost, models.amount]))),
      ),
      infra.by_service.length ? null : none(),
      byDay(infra.daily_trend, days),
      card("By team", table("Infrastructure and models by team", TEAM, teams)),
      infra.by_service.length > 0 && card("By service", table("Infrastructure by service", SERVICE, infra.by_service)),
      infra.gpu_utilization.length > 0 && card("GPUs", table("GPUs", GPU, infra.gpu_utilization)),
    ];
  },
};

const none = () =>
  el("p", { class: "state" }, "No infrastructure costs yet: ", el("code", {}, "python -m modeltrack_api.collector"), " collects them from OpenCost and AWS.");

function byDay(trend, spend) {
  const infra = new Map(trend.map((each) => [each.date, each.cost]));
  const models = new Map(spend.map((each) => [each.period, each]));
  const rows = [...new Set([...infra.keys(), ...models.keys()])]
    .sort()
    .map((day) => {
      const { total_spend, ...counts } = models.get(day) ?? { total_spend: 0 };
      return { day, infra: infra.has(day) ? infra.get(day) : 0, models: total_spend, ...counts };
    });
  const dates = rows.map((row) => row.day);
  return chart("Infrastructure and models by day", {
    summary: `${rows.length} days.`,
    traces: () => [
      bars(dates, rows.map((row) => row.models), "Models"),
      bars(dates, rows.map((row) => row.infra), "Infrastructure", "second"),
    ],
    layout: () => ({ barmode: "stack", showlegend: true, yaxis: axis() }),
    table: table("Infrastructure and models by day", DAY, [...rows].reverse()),
  });
}

const money = (head, value, more) => ({ head, value, cell: (row) => sum(value(row), {}), num: true, ...more });

const DAY = [
  { head: "Day", value: (row) => row.day },
  money("Models", (row) => row.models, { cell: (row) => sum(row.models, row) }),
  money("Infrastructure", (row) => row.infra),
  money("Together", (row) => added([row.models, row.infra])),
];

const TEAM = [
  { head: "Team", value: (t) => t.team, cell: (t) => name(t.team) },
  money("Models", (t) => t.total_spend, { cell: (t) => sum(t.total_spend, t) }),
  money("Infrastructure", (t) => t.infra_cost),
  money("Together", (t) => added([t.total_spend, t.infra_cost]), { bar: true }),
];

const SERVICE = [
  { head: "Service", value: (s) => s.service, cell: (s) => name(s.service) },
  money("Cost", (s) => s.cost, { bar: true }),
  { head: "Entries", value: (s) => s.events, cell: (s) => count(s.events), num: true },
];

const GPU = [
  { head: "Machine", value: (g) => g.resource_id, cell: (g) => name(g.resource_id) },
  { head: "GPU", value: (g) => g.gpu_type, cell: (g) => name(g.gpu_type) },
  { head: "Busy", value: (g) => g.avg_utilization, cell: (g) => percent(g.avg_utilization), num: true },
  money("Cost", (g) => g.cost),
  { head: "Team", value: (g) => g.team, cell: (g) => name(g.team) },
];
