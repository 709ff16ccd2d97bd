import * as api from "../api.js";
import { badge, card, el, field, option, stat, stats } from "../dom.js";
import { about, count, name, percent, usd } from "../format.js";
import { sum } from "../money.js";
import { failure } from "../states.js";
import { table } from "../table.js";

let asked = { model: "", avg_input_tokens: 1000, avg_output_tokens: 300, requests_per_day: 1000, cache_hit_rate: 0.3 };

export default {
  title: "Estimator",
  filters: [],
  seconds: 0,

  async load({ get }) {
    const [models, used] = await Promise.all([get("/api/estimator/models"), api.part(get("/api/models"))]);
    return { models, used: used.data ?? [] };
  },

  render({ models, used }) {
    const result = el("div", { class: "stack", "aria-live": "polite" });
    return [card("What would it cost?", form(models, used, result)), result];
  },
};

/** The form, filled in with the last question; at first with the model that most is spent on. */
function form(models, used, result) {
  const number = (id, more) => el("input", { id, type: "number", min: 0, step: 1, required: true, inputmode: "numeric", value: asked[id], ...more });
  const values = models.map(({ provider, model }) => JSON.stringify([provider, model]));
  asked.model ||= used.map(({ provider, model }) => JSON.stringify([provider, model])).find((value) => values.includes(value)) ?? "";
  const model = el(
    "select",
    { id: "estimated_model", required: true },
    models.map((each, n) => option(values[n], label(each), values[n] === asked.model)),
  );
  const input = number("avg_input_tokens");
  const output = number("avg_output_tokens");
  const requests = number("requests_per_day");
  const hits = number("cache_hit_rate", { value: asked.cache_hit_rate * 100, max: 100 });
  const estimate = async (event) => {
    event.preventDefault();
    asked = {
      model: model.value,
      avg_input_tokens: Number(input.value),
      avg_output_tokens: Number(output.value),
      requests_per_day: Number(requests.value),
      cache_hit_rate: Number(hits.value) / 100,
    };
    const [provider, chosen] = JSON.parse(asked.model);
    const { data, error } = await api.part(api.post("/api/estimator/calculate", { ...asked, model: chosen, provider }));
    result.replaceChildren(...(error ? [failure(error)] : answer(data)));
  };
  const filled = el(
    "form",
    { class: "fields", onsubmit: estimate },
    field("Model", model),
    field("Input tokens a call", input),
    field("Output tokens a call", output),
    field("Calls a day", requests),
    field("Cache hits, in percent", hits, "what ModelTrack's cache answers costs nothing"),
    el("button", { class: "primary", type: "submit" }, "Estimate"),
  );
  if (models.length) queueMicrotask(() => filled.requestSubmit());
  return filled;
}

const label = (each) => `${each.model} · ${each.provider} · ${usd(each.input_per_mtok)} in, ${usd(each.output_per_mtok)} out per million`;

function answer({ estimate, with_caching: cached, model_comparison: models, similar_features: features }) {
  return [
    stats(
      stat("A call", usd(estimate.cost_per_request)),
      stat("A day", about(estimate.daily_cost)),
      stat("A week", about(estimate.weekly_cost)),
      stat("A month", about(estimate.monthly_cost), "30 days"),
      stat("A quarter", about(estimate.quarterly_cost)),
      stat("A year", about(estimate.annual_cost)),
      stat("A month with the cache", about(cached.monthly_cost), `saves ${about(cached.savings_vs_no_cache)}, ${percent(cached.savings_pct)}`),
    ),
    card("With other models", table("With other models", COMPARED, models)),
    features.length ? card("Features with calls like these", table("Features with calls like these", SIMILAR, features)) : "",
  ];
}

const COMPARED = [
  { head: "Model", value: (m) => m.model, cell: (m) => el("span", {}, name(m.model), " ", m.is_selected && badge("chosen", "good")) },
  { head: "Provider", value: (m) => m.provider },
  { head: "A call", value: (m) => m.cost_per_request, cell: (m) => usd(m.cost_per_request), num: true },
  { head: "A month", value: (m) => m.monthly_cost, cell: (m) => about(m.monthly_cost), num: true, bar: true },
  { head: "Saves a month", value: (m) => m.savings_vs_selected, cell: (m) => about(m.savings_vs_selected), num: true },
];

const SIMILAR = [
  { head: "Feature", value: (f) => f.feature, cell: (f) => name(f.feature) },
  { head: "A call", value: (f) => f.avg_cost_per_request, cell: (f) => about(f.avg_cost_per_request), num: true },
  { head: "A month", value: (f) => f.monthly_cost, cell: (f) => sum(f.monthly_cost, f, about), num: true },
  { head: "Requests", value: (f) => f.request_count, cell: (f) => count(f.request_count), num: true },
];
