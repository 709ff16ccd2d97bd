import { change } from "../address.js";
import { card, el, field, option, stat, stats } from "../dom.js";
import { about, count, name, names, usd } from "../format.js";
import { isOneOf } from "../lookup.js";
import { note, spend } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import { ALL } from "./common.js";

const ORDERS = {
  total_cost: "Spend",
  request_count: "Requests",
  avg_cost: "Average cost",
  avg_system_tokens: "Length of the system prompt",
};

export default {
  title: "Prompts",
  filters: ALL,

  async load({ get, query, params }) {
    const sort_by = isOneOf(ORDERS, params.sort_by) ? params.sort_by : "total_cost";
    const [prompts, summary] = await Promise.all([
      get("/api/prompts", { ...query, sort_by }),
      get("/api/prompts/summary", query),
    ]);
    return { prompts, summary, sort_by };
  },

  render({ prompts, summary, sort_by }) {
    if (!prompts.length) return empty("prompts");
    const select = el(
      "select",
      { id: "sort_by", onchange: () => change({ sort_by: select.value }) },
      Object.entries(ORDERS).map(([key, label]) => option(key, label, key === sort_by)),
    );
    const { most_expensive_prompt: dearest, longest_system_prompt: longest, most_cacheable: cacheable } = summary;
    return [
      stats(
        stat("Prompts", count(summary.total_unique_prompts)),
        stat("Could have been saved", usd(summary.potential_savings), note(summary, "see the suggestions")),
        found("Most expensive", dearest, (it) => usd(it.total_cost)),
        found("Longest system prompt", longest, (it) => `${count(Math.round(it.avg_system_tokens))} tokens`),
        found("Most repeated", cacheable, (it) => `${count(it.request_count)} calls`),
      ),
      card("Prompts", field("Ordered by", select), table("Prompts", COLUMNS, prompts)),
    ];
  },
};

const found = (label, prompt, told) => stat(label, prompt ? el("span", { class: "name" }, name(prompt.id)) : "–", prompt && told(prompt));

function advice({ optimization_suggestions: texts }) {
  if (!texts.length) return "–";
  const title = texts.length === 1 ? "1 suggestion" : `${texts.length} suggestions`;
  return el("details", {}, el("summary", {}, title), el("ul", { class: "advice" }, texts.map((text) => el("li", {}, text))));
}

const COLUMNS = [
  { head: "Prompt", value: (p) => p.prompt_id, cell: (p) => name(p.prompt_id) },
  spend("total_cost"),
  { head: "Requests", value: (p) => p.request_count, cell: (p) => count(p.request_count), num: true },
  { head: "Average", value: (p) => p.avg_cost_per_request, cell: (p) => about(p.avg_cost_per_request), num: true },
  { head: "System", value: (p) => p.avg_system_tokens, cell: (p) => count(Math.round(p.avg_system_tokens)), num: true },
  { head: "User", value: (p) => p.avg_user_tokens, cell: (p) => count(Math.round(p.avg_user_tokens)), num: true },
  { head: "Output", value: (p) => p.avg_output_tokens, cell: (p) => count(Math.round(p.avg_output_tokens)), num: true },
  { head: "Teams", value: (p) => p.teams, cell: (p) => names(p.teams) },
  { head: "Models", value: (p) => p.models_used, cell: (p) => names(p.models_used) },
  { head: "Suggestions", cell: advice },
];
