/** Draws what is left of a month's budget day by day, and a projection to the month's end. */

import { axis, chart, colour, line } from "../charts.js";
import { el } from "../dom.js";
import { day, name, usd } from "../format.js";
import { spend } from "../money.js";
import { table } from "../table.js";

export function burnDown(budget, days) {
  const title = `Budget of ${budget.app ? `${name(budget.team)} / ${budget.app}` : name(budget.team)}`;
  const left = remaining(budget, days);
  const ahead = projected(budget, left.at(-1));
  const fromStart = [{ day: day(-1, Date.parse(left[0].day)), left: budget.monthly_limit }, ...left];
  const figure = chart(title, {
    summary: told(budget),
    traces: () => [
      line(fromStart.map((d) => d.day), fromStart.map((d) => d.left), "Left at the day's end", "accent"),
      line(ahead.map((d) => d.day), ahead.map((d) => d.left), "At this rate", "second", "dot"),
    ],
    layout: () => ({
      showlegend: true,
      yaxis: axis({ rangemode: "normal", range: [0, budget.monthly_limit * 1.05] }),
      shapes: ending(budget),
    }),
    table: table(
      title,
      [
        { head: "End of day", value: (d) => d.day },
        spend("spend", "Spent", {}),
        { head: "Left", value: (d) => d.left, cell: (d) => usd(d.left), num: true },
      ],
      [...left].reverse(),
    ),
  });
  figure.querySelector("figcaption").append(el("p", { class: "quiet" }, told(budget)));
  return figure;
}

function told({ spend, monthly_limit, exhausted_on, action }) {
  if (spend === null) return `No call of this month has a known price: nobody knows what is left of ${usd(monthly_limit)}.`;
  const sofar = `${usd(spend)} of ${usd(monthly_limit)} spent this month. `;
  if (!exhausted_on) return `${sofar}At this rate it lasts to the month's end.`;
  const effect = action === "block" ? "calls are refused" : "the proxy warns";
  if (spend >= monthly_limit) return `${sofar}It ran out on ${exhausted_on}; ${effect}.`;
  return `${sofar}At this rate it runs out on ${exhausted_on}; then ${effect}.`;
}

/** Returns what was spent and what was left on every day of the month up to today. */
function remaining(budget, days) {
  const spends = new Map(days.map((each) => [each.period, each]));
  const today = day();
  const found = [];
  let left = budget.monthly_limit;
  for (let n = 1; n <= Number(today.slice(8)); n++) {
    const name = `${today.slice(0, 8)}${String(n).padStart(2, "0")}`;
    const { total_spend: spend, ...counts } = spends.get(name) ?? { total_spend: 0 };
    left = Math.max(0, Math.round((left - spend) * 1e9) / 1e9);
    found.push({ day: name, spend, left, ...counts });
  }
  return found;
}

function projected(budget, today) {
  const [year, month] = today.day.split("-").map(Number);
  const last = new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
  if (today.left <= 0 || budget.spend === null) return [];
  if (budget.exhausted_on) return [today, { day: budget.exhausted_on, left: 0 }];
  return [today, { day: last, left: Math.max(0, budget.monthly_limit - budget.projected_month_end) }];
}

function ending({ exhausted_on }) {
  if (!exhausted_on) return [];
  const mark = { color: colour("bad"), width: 1, dash: "dash" };
  return [{ type: "line", x0: exhausted_on, x1: exhausted_on, yref: "paper", y0: 0, y1: 1, line: mark }];
}
