import { change } from "../address.js";
import { axis, chart, colour, line } from "../charts.js";
import { card, el, field, option, stat, stats } from "../dom.js";
import { name, signed, usd } from "../format.js";
import { isOneOf } from "../lookup.js";
import { note, sum } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";

const HORIZONS = { 30: "30 days", 90: "90 days", 180: "180 days", 365: "A year" };
const STEPS = { day: "Days", week: "Weeks", month: "Months" };

export default {
  title: "Forecast",
  filters: ["team", "model"],
  seconds: 300,

  load: ({ get, query, params }) => get("/api/forecast", { ...query, ...chosen(params) }),

  render(found, { params }) {
    if (!found.historical.length) return empty();
    const { summary, scenarios } = found;
    const cheaper = scenarios.if_switch_to_cheaper_model;
    return [
      stats(
        stat("Run rate a month", usd(summary.current_monthly_run_rate)),
        stat("Next month", usd(summary.projected_next_month)),
        stat("Next quarter", usd(summary.projected_next_quarter)),
        stat("Growth a month", signed(summary.growth_rate_pct)),
        stat("Confidence", summary.confidence, note(summary)),
      ),
      el("div", { class: "row" }, choice("horizon_days", "Ahead", HORIZONS, params), choice("granularity", "By", STEPS, params)),
      drawn(found),
      card(
        "What if",
        table("What if", SCENARIO, [
          { label: "The trend goes on", ...scenarios.current_trend },
          { label: "Traffic doubles", ...scenarios.if_traffic_doubles },
          { label: "A cheaper model", ...cheaper },
        ]),
        cheaper?.description && el("p", { class: "quiet" }, cheaper.description),
      ),
    ];
  },
};

const chosen = ({ horizon_days, granularity }) => ({
  horizon_days: isOneOf(HORIZONS, horizon_days) ? horizon_days : "90",
  granularity: isOneOf(STEPS, granularity) ? granularity : "day",
});

function choice(key, label, options, params) {
  const select = el(
    "select",
    { id: key, onchange: () => change({ [key]: select.value }) },
    Object.entries(options).map(([value, text]) => option(value, text, value === chosen(params)[key])),
  );
  return field(label, select);
}

function drawn({ historical, forecast }) {
  const past = historical.filter((point) => !point.is_partial);
  const dates = forecast.map((point) => point.date);
  const at = (key) => forecast.map((point) => point[key]);
  const bound = (key, more) => ({ ...line(dates, at(key), "", "second"), line: { width: 0 }, hoverinfo: "skip", hovertemplate: null, showlegend: false, ...more });
  return chart("Spend, and what is expected", {
    height: 320,
    summary: `The forecast ends on ${dates.at(-1) ?? "no day"} at ${usd(at("predicted").at(-1))}, between ${usd(at("low").at(-1))} and ${usd(at("high").at(-1))}.`,
    traces: () => [
      line(past.map((point) => point.date), past.map((point) => point.spend), "Spent"),
      bound("low"),
      bound("high", { fill: "tonexty", fillcolor: colour("second-soft"), name: "Likely range", showlegend: true }),
      line(dates, at("predicted"), "Expected", "second", "dot"),
    ],
    layout: () => ({ showlegend: true, yaxis: axis() }),
    table: table("Forecast", POINT, [
      ...[...historical].reverse().map(({ is_partial, ...point }) => point),
      ...forecast,
    ].sort((a, b) => (a.date < b.date ? 1 : -1))),
  });
}

const money = (head, key) => ({ head, value: (row) => row[key], cell: (row) => (row[key] === undefined ? "–" : sum(row[key], key === "spend" ? row : {})), num: true });

const POINT = [
  { head: "From", value: (row) => row.date },
  money("Spent", "spend"),
  money("Expected", "predicted"),
  money("At least", "low"),
  money("At most", "high"),
];

const SCENARIO = [
  { head: "Scenario", value: (row) => name(row.label) },
  money("A month", "monthly"),
  money("A quarter", "quarterly"),
  money("Saves", "savings"),
];
