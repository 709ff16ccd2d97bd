import { chart, plain, ranks } from "../charts.js";
import { about, count, name, short, usd } from "../format.js";
import { card, stat, stats } from "../dom.js";
import { note, spend, together } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import * as tokens from "../tokens.js";
import { ALL } from "./common.js";

const CHARTED = 12;

export default {
  title: "Models",
  filters: ALL,

  load: ({ get, query }) => get("/api/models", query),

  render(models) {
    if (!models.length) return empty();
    const all = (key) => models.reduce((total, model) => total + model[key], 0);
    const whole = together(models, "total_spend");
    const numbers = table("Models", [...COLUMNS, ...tokens.columns(models)], models);
    const dearest = models.slice(0, CHARTED);
    return [
      stats(
        stat("Spend", usd(whole.amount), note(whole)),
        stat("Requests", count(all("request_count"))),
        stat("Input tokens", short(all("total_input_tokens")), "at full price"),
        stat("Cache reads and writes", `${short(all("total_cache_read_tokens"))} · ${short(all("total_cache_write_tokens"))}`),
        stat("Output tokens", short(all("total_output_tokens"))),
        all("total_hit_tokens") > 0 && stat("From our cache", short(all("total_hit_tokens")), "tokens that nobody billed"),
        stat("Models", count(models.length)),
      ),
      chart("Spend by model", {
        summary: `${name(dearest[0].model)} costs most: ${usd(dearest[0].total_spend)}.`,
        height: 70 + 26 * dearest.length,
        ...ranked(dearest),
        table: table("Spend by model", [COLUMNS[0], COLUMNS[1], COLUMNS[2]], dearest),
      }),
      card("All models", numbers),
    ];
  },
};

/** Draws a bar for each model and provider: a model that two providers serve has two bars. */
function ranked(models) {
  const label = ({ model, provider }) => {
    const text = models.filter((each) => each.model === model).length > 1 ? `${model} (${provider})` : name(model);
    return plain(text.length > 24 ? `${text.slice(0, 11)}…${text.slice(-12)}` : text);
  };
  const drawn = () => ranks(models.map(label), models.map((model) => model.total_spend));
  return { traces: () => drawn().traces, layout: () => drawn().layout };
}

const COLUMNS = [
  { head: "Model", value: (m) => m.model, cell: (m) => name(m.model) },
  { head: "Provider", value: (m) => m.provider },
  spend("total_spend"),
  { head: "Requests", value: (m) => m.request_count, cell: (m) => count(m.request_count), num: true },
  { head: "Average", value: (m) => m.avg_cost_per_request, cell: (m) => about(m.avg_cost_per_request), num: true },
];
