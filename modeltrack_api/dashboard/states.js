/** What a view shows instead of data: that it is loading, that there is none, or that loading failed. */

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
      `Either the filters exclude everything (“Reset” shows all), or no call has come through the proxy yet: start it with `,
      el("code", {}, "mitmdump -s addons/main.py"),
      " and point an application's base URL at it.",
    ),
  );
}

const ADVICE = [
  [(e) => e.status === 0, "Is it running? Start it with “python -m modeltrack_api”; this page tries again by itself."],
  [(e) => e.status === 400, "The API does not allow one of the filters: correct or reset it."],
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

/** Returns a part of a view: what `render` makes of the data, or the error. Takes the result of `api.part`. */
export const shown = ({ data, error }, render) => (error ? failure(error) : render(data));
