import { href } from "../address.js";
import { card, el, stat, stats } from "../dom.js";
import { about, count, name, usd } from "../format.js";
import { note, spend, together } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import * as tokens from "../tokens.js";
import { ALL, shares, spendByDay } from "./common.js";

export default {
  title: "Features",
  filters: ALL,

  async load({ get, query, id }) {
    if (id) return { feature: await get(`/api/features/${encodeURIComponent(id)}`, query) };
    const [features, segments] = await Promise.all([get("/api/features", query), get("/api/segments", query)]);
    return { features, segments };
  },

  render({ feature, features, segments }) {
    if (feature) return one(feature);
    if (!features.length) return empty();
    return [card("Features", table("Features", columns(features), features)), card("Customer tiers", table("Customer tiers", TIERS, segments))];
  },
};

function one(feature) {
  const days = feature.cost_over_time.map((d) => ({ ...d, spend: d.daily_cost, requests: d.daily_requests }));
  const by = (rows, key) => Object.fromEntries(rows.map((row) => [row[key], row.total_cost]));
  const unpriced = (rows, key) => Object.fromEntries(rows.map((row) => [row[key], row.unpriced_requests]));
  const total = together(feature.by_team, "total_cost");
  return [
    el("p", {}, el("a", { href: href("features") }, "← All features")),
    stats(
      stat("Feature", el("span", { class: "name" }, feature.feature)),
      stat("Spend", usd(total.amount), note(total)),
      stat("Input tokens a call", count(Math.round(feature.avg_tokens.avg_input_tokens)), "at full price"),
      stat("Cache reads a call", count(Math.round(feature.avg_tokens.avg_cache_read_tokens))),
      stat("Output tokens a call", count(Math.round(feature.avg_tokens.avg_output_tokens))),
    ),
    spendByDay("Spend by day", days),
    el(
      "div",
      { class: "columns" },
      shares("By model", "Model", by(feature.by_model, "model"), { most: 50, unpriced: unpriced(feature.by_model, "model") }),
      shares("By team", "Team", by(feature.by_team, "team"), { most: 50, unpriced: unpriced(feature.by_team, "team") }),
    ),
  ];
}

const link = ({ feature }) => (feature ? el("a", { href: href("features", {}, feature) }, feature) : name(feature));

const columns = (features) => [
  { head: "Feature", value: (f) => f.feature, cell: link },
  spend("total_cost"),
  { head: "Requests", value: (f) => f.request_count, cell: (f) => count(f.request_count), num: true },
  { head: "Average", value: (f) => f.avg_cost_per_request, cell: (f) => about(f.avg_cost_per_request), num: true },
  ...tokens.columns(features),
  { head: "Main model", value: (f) => f.primary_model, cell: (f) => name(f.primary_model) },
  { head: "Main team", value: (f) => f.primary_team, cell: (f) => name(f.primary_team) },
];

const TIERS = [
  { head: "Tier", value: (s) => s.customer_tier, cell: (s) => name(s.customer_tier, "(no customer)") },
  spend("total_cost"),
  { head: "Requests", value: (s) => s.request_count, cell: (s) => count(s.request_count), num: true },
  { head: "Average", value: (s) => s.avg_cost_per_request, cell: (s) => about(s.avg_cost_per_request), num: true },
  { head: "Main model", value: (s) => s.by_model[0]?.model ?? "", cell: (s) => name(s.by_model[0]?.model) },
];
