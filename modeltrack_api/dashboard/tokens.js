/** Shows tokens by what they cost. */

import { el } from "./dom.js";
import { count } from "./format.js";

const KINDS = [
  ["input_tokens", "Input tokens", "at full price"],
  ["cache_read_tokens", "Cache reads", "input read from the provider's cache"],
  ["cache_write_tokens", "Cache writes", "input written to the provider's cache"],
  ["output_tokens", "Output tokens", "reasoning included"],
];

/** Parts of the kinds above, and tokens that nobody billed: shown where there are any. */
const OTHERS = [
  ["cache_write_1h_tokens", "Kept an hour", "cache writes that are kept for an hour"],
  ["reasoning_tokens", "Reasoning", "part of the output"],
  ["audio_input_tokens", "Audio in", "part of the input"],
  ["audio_output_tokens", "Audio out", "part of the output"],
  ["image_input_tokens", "Images in", "part of the input"],
  ["image_output_tokens", "Images out", "part of the output"],
  ["hit_tokens", "Our cache", "of answers that ModelTrack's cache repeated; nobody billed them"],
];

/** Columns for the tokens of rows whose members begin with `total_`: the four kinds, and what else any row has. */
export function columns(rows) {
  const others = OTHERS.filter(([kind]) => rows.some((row) => row[`total_${kind}`] > 0));
  return [...KINDS, ...others].map(([kind, head, hint]) => ({
    head,
    hint,
    value: (row) => row[`total_${kind}`],
    cell: (row) => count(row[`total_${kind}`]),
    num: true,
  }));
}

/** All tokens of an event. */
export const all = (event) => KINDS.reduce((total, [kind]) => total + (event[kind] ?? 0), 0);

/** The tokens of an event, with their kinds on hover. Those of a hit are in brackets: nobody billed them. */
export function cell(event) {
  const told = [...KINDS, ...OTHERS].filter(([kind]) => event[kind] > 0).map(([kind, head]) => `${head}: ${count(event[kind])}`);
  if (event.cache_hit) told.unshift("Repeated by ModelTrack's cache, not billed.");
  const number = count(all(event));
  return el("span", { title: told.join("\n"), class: event.cache_hit ? "quiet" : "" }, event.cache_hit ? `(${number})` : number);
}
