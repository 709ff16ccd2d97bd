/** What is shown in place of data: that it is on its way, that there is none, that it cannot be had. */

import { href } from "./address.js";
import { el } from "./dom.js";

export const loading = () => el("p", { class: "state", "aria-busy": "true" }, "Loading…");

export function empty(what = "calls") {
  return el(
    "div",
    { class: "state" },
    el("p", {}, el("strong", {}, `No ${what} here yet.`)),
    el(
      "p",
      {},
      `Either the filters leave nothing over (“Reset” shows all), or nothing has come through the proxy: start it with `,
      el("code", {}, "mitmdump -s addons/main.py"),
      " and point an application's base URL at it.",
    ),
  );
}

const ADVICE = [
  [(e) => e.status === 0, "Is it running? Start it with “python -m modeltrack_api”; this page tries again by itself."],
  [(e) => e.status === 400, "One of the filters is not as the API wants it: correct or reset it."],
  [(e) => e.status === 404, "If this page should be there, the API may be older than the dashboard: restart it."],
  [(e) => e.status === 503, "The page tries again by itself."],
  [(e) => e.status >= 500, "The API's log says what went wrong; this page tries again by itself."],
];

export function failure(error) {
  const advice = ADVICE.find(([applies]) => applies(error))?.[1] ?? "";
  return el(
    "div",
    { class: "state error", role: "alert" },
    el("p", {}, el("strong", {}, error.message)),
    advice && el("p", {}, advice),
    error.status === 404 && el("p", {}, el("a", { href: href("overview") }, "Back to the overview")),
  );
}

/** A part of a view (see `api.part`): what `render` makes of its data, or why there is none. */
export const shown = ({ data, error }, render) => (error ? failure(error) : render(data));
