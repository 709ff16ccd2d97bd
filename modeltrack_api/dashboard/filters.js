/** Draws the bar of filters: those that the view takes, with the values in the URL. */

import * as api from "./api.js";
import { change, COMMON, RANGES } from "./address.js";
import { byId, el, field, option } from "./dom.js";
import { name } from "./format.js";
import { isOneOf } from "./lookup.js";

const LABELS = {
  team: ["Team", "by_team", "All teams"],
  app_id: ["App", "by_app", "All apps"],
  model: ["Model", "by_model", "All models"],
  user: ["User", "by_user", "All users"],
  key_id: ["Key", "by_key", "All keys"],
};
/** These are shown only where calls have one, or the URL does. */
const RARE = ["user", "key_id"];
const CUSTOM = "custom";

let known = Object.fromEntries(Object.values(LABELS).map(([, by]) => [by, {}]));

/** Fetches the names to choose from, and returns whether they have changed. Names in the URL can always be chosen. */
export async function fetchNames() {
  const { data } = await api.part(api.get("/api/spend/summary"));
  const before = known;
  known = data ?? known;
  return Object.keys(before).some((by) => Object.keys(before[by]).join("\n") !== Object.keys(known[by]).join("\n"));
}

/** Draws the filters, which are some of "dates", "team", "app_id", "model", "user" and "key_id". */
export function draw(filters, params) {
  const form = byId("filters");
  const focused = form.contains(document.activeElement) ? document.activeElement.id : "";
  form.hidden = filters.length === 0;
  form.onsubmit = (event) => event.preventDefault();
  form.replaceChildren(
    ...(filters.includes("dates") ? dates(params) : []),
    ...Object.keys(LABELS).filter((key) => filters.includes(key) && isShown(key, params)).map((key) => choice(key, params)),
    reset(params),
  );
  if (focused) byId(focused)?.focus();
}

function dates(params) {
  const isCustom = isOneOf(params, "start_date") || isOneOf(params, "end_date");
  const chosen = isOneOf(RANGES, params.range) ? params.range : isCustom ? CUSTOM : "";
  const select = el(
    "select",
    { id: "range", onchange: () => change(range(select.value)) },
    option("", "All time", chosen === ""),
    Object.entries(RANGES).map(([key, [label]]) => option(key, label, chosen === key)),
    option(CUSTOM, "Custom…", chosen === CUSTOM),
  );
  return [
    field("Dates", select),
    ...(chosen === CUSTOM ? [limit("start_date", "From", params), limit("end_date", "To", params)] : []),
  ];
}

function range(value) {
  if (value !== CUSTOM) return { range: value || null, start_date: null, end_date: null };
  return { range: null, start_date: RANGES["30d"][1](), end_date: RANGES.today[1]() };
}

function limit(key, label, params) {
  const input = el("input", { type: "date", id: key, value: params[key], onchange: () => change({ [key]: input.value || null }) });
  return field(label, input);
}

const isShown = (key, params) => !RARE.includes(key) || isOneOf(params, key) || Object.keys(known[LABELS[key][1]]).some((each) => each !== "");

/** Option values begin with "=", so that the empty name (calls without a team) differs from no filter. */
function choice(key, params) {
  const [label, by, all] = LABELS[key];
  const found = new Set(Object.keys(known[by]));
  if (isOneOf(params, key)) found.add(params[key]);
  const select = el(
    "select",
    { id: key, onchange: () => change({ [key]: select.value ? select.value.slice(1) : null }) },
    option("", all, !isOneOf(params, key)),
    [...found].sort().map((each) => option(`=${each}`, name(each), params[key] === each)),
  );
  return field(label, select);
}

function reset(params) {
  const nothing = Object.fromEntries(COMMON.map((key) => [key, null]));
  const isSet = COMMON.some((key) => isOneOf(params, key));
  return el("button", { type: "button", id: "reset", disabled: !isSet, onclick: () => change(nothing) }, "Reset");
}
