/** Keeps in the URL what the page shows: `#/view/id?team=product&range=30d`. */

import { day } from "./format.js";
import { isOneOf } from "./lookup.js";

export const COMMON = ["range", "start_date", "end_date", "team", "app_id", "model", "user", "key_id"];

/** Ranges of days up to today, by name: the label, and a function that returns the first day. */
export const RANGES = {
  today: ["Today", () => day()],
  "7d": ["Last 7 days", () => day(-6)],
  "30d": ["Last 30 days", () => day(-29)],
  month: ["This month", () => `${day().slice(0, 7)}-01`],
};

export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/", 2).map(decoded);
  return { view: view || "overview", id, params: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Returns the link to a view. `changes` are parameters to set, or to remove if null. Of the current parameters those in
 * COMMON are kept; the others only if the link leads to the same view.
 */
export function href(view, changes = {}, id = "") {
  const now = read();
  const kept = now.view === view ? now.params : pick(now.params, COMMON);
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...kept, ...changes })) if (value !== null) params.set(key, value);
  const query = params.size ? `?${params}` : "";
  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${query}`;
}

export function change(changes) {
  const { view, id } = read();
  location.hash = href(view, changes, id);
}

export const pick = (from, keys) => Object.fromEntries(keys.filter((key) => isOneOf(from, key)).map((key) => [key, from[key]]));

/** Returns the query for an API request: the URL's parameters that `filters` names. `dates` stands for both dates. */
export function query(params, filters) {
  const found = pick(params, filters);
  if (!filters.includes("dates")) return found;
  if (isOneOf(RANGES, params.range)) return { ...found, start_date: RANGES[params.range][1]() };
  return { ...found, ...pick(params, ["start_date", "end_date"]) };
}
