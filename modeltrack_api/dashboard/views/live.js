import { href } from "../address.js";
import { card, el } from "../dom.js";
import { clock, duration, moment, name, usd } from "../format.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import * as tokens from "../tokens.js";
import { ALL, callers, outcome } from "./common.js";

const SHOWN = 50;
let isPaused = false;
let held;
let seen = new Set();

export default {
  title: "Live",
  filters: ALL,
  seconds: 3,

  async load({ get, query }) {
    if (!isPaused || !held || held.query !== JSON.stringify(query)) {
      const { events } = await get("/api/events", { ...query, limit: SHOWN });
      held = { events, query: JSON.stringify(query) };
    }
    return { events: held.events, isPaused };
  },

  render({ events }, { reload }) {
    const known = seen;
    seen = new Set(events.map((event) => event.event_id));
    const isNew = (event) => known.size > 0 && !known.has(event.event_id);
    const pause = el("button", { type: "button", id: "pause", "aria-pressed": String(isPaused), onclick: toggle }, isPaused ? "Go on" : "Pause");
    function toggle() {
      isPaused = !isPaused;
      reload();
    }
    const says = isPaused ? "Paused." : `The newest ${SHOWN} events, every 3 seconds. Times are UTC.`;
    return card(
      "Events as they are written",
      el("div", { class: "row" }, pause, el("span", { class: "quiet" }, says)),
      events.length ? table("Events, newest first", columns(isNew, events), events) : empty("events"),
    );
  },
};

const columns = (isNew, events) => [
  { head: "Time", cell: (e) => el("time", { datetime: e.timestamp, title: moment(e.timestamp), class: isNew(e) ? "new" : "" }, clock(e.timestamp)) },
  { head: "Team / app", cell: (e) => [name(e.team), e.app_id].filter(Boolean).join(" / ") },
  ...callers(events),
  { head: "Model", cell: (e) => e.model ?? e.service ?? "–" },
  { head: "Outcome", cell: outcome },
  { head: "Tokens", hint: "all that were billed; in brackets: repeated by our cache", cell: tokens.cell, num: true },
  { head: "Took", cell: (e) => (e.latency_ms ? duration(e.latency_ms / 1000) : "–"), num: true },
  { head: "Cost", cell: cost, num: true },
  { head: "Session", cell: (e) => (e.session_id ? el("a", { href: href("sessions", {}, e.session_id) }, e.session_id) : "–") },
];

/** A dash for events of the collector without a cost: how busy a GPU was costs nothing by itself. */
const cost = (event) => (event.cost_usd === null && event.event_type !== "llm_api" ? "–" : usd(event.cost_usd));
