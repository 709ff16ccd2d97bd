import { href } from "../address.js";
import { card, el, stat, stats } from "../dom.js";
import { clock, count, duration, moment, name, names, usd } from "../format.js";
import { note, spend } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import * as tokens from "../tokens.js";
import { ALL, callers, outcome } from "./common.js";

export default {
  title: "Sessions",
  filters: ALL,

  async load({ get, query, id }) {
    if (id) return { session: await get(`/api/sessions/${encodeURIComponent(id)}`) };
    return { sessions: await get("/api/sessions", query) };
  },

  render({ session, sessions }) {
    if (session) return one(session);
    if (!sessions.length) return empty("sessions");
    return card("Sessions, newest first", table("Sessions", columns(sessions), sessions), el("p", { class: "quiet" }, "Times are UTC."));
  },
};

function one({ summary, events, truncated }) {
  const traces = summary.trace_ids.length;
  return [
    el("p", {}, el("a", { href: href("sessions") }, "← All sessions")),
    stats(
      stat("Session", el("span", { class: "name" }, summary.session_id), [names(summary.team), summary.user && names(summary.user)].filter(Boolean).join("; ")),
      stat("Spend", usd(summary.total_cost), note(summary)),
      stat("Calls", count(summary.request_count), traces > 0 && `${traces} ${traces === 1 ? "trace" : "traces"}`),
      stat("Duration", duration(summary.duration_seconds), `from ${moment(summary.first_seen)}`),
    ),
    card(
      "Time line",
      truncated && el("p", { class: "quiet" }, `The newest ${events.length} of its calls.`),
      table("Calls of this session on a time line", timeLine(events), events),
    ),
  ];
}

/** Columns with a time line. An event's time is the end of its call, so the latency gives the start. */
function timeLine(events) {
  const spans = new Map(
    events.map((event) => {
      const end = Date.parse(event.timestamp);
      return [event, { start: end - (event.latency_ms ?? 0), end }];
    }),
  );
  const start = Math.min(...[...spans.values()].map((span) => span.start));
  const whole = Math.max(...[...spans.values()].map((span) => span.end)) - start || 1;
  const bar = (event) => {
    const span = spans.get(event);
    const at = { "--from": (span.start - start) / whole, "--to": (span.end - start) / whole };
    const kind = event.blocked_by || event.status_code >= 400 ? "bad" : event.cache_hit ? "good" : "";
    return el("span", { class: `span ${kind}`, style: at }, el("i"), el("span", { class: "hidden" }, `began ${duration((span.start - start) / 1000)} in`));
  };
  return [
    { head: "Time", value: (e) => e.timestamp, cell: (e) => clock(e.timestamp) },
    { head: `Within ${duration(whole / 1000)}`, cell: bar },
    { head: "Took", value: (e) => e.latency_ms, cell: (e) => duration((e.latency_ms ?? 0) / 1000), num: true },
    { head: "Model", value: (e) => e.model },
    ...callers(events),
    { head: "Outcome", cell: outcome },
    { head: "Tokens", hint: "all that were billed; in brackets: repeated by our cache", value: tokens.all, cell: tokens.cell, num: true },
    { head: "Cost", value: (e) => e.cost_usd, cell: (e) => usd(e.cost_usd), num: true },
  ];
}

const columns = (sessions) => [
  { head: "Session", value: (s) => s.session_id, cell: (s) => el("a", { href: href("sessions", {}, s.session_id) }, s.session_id) },
  { head: "Last call", value: (s) => s.last_seen, cell: (s) => moment(s.last_seen) },
  spend("total_cost"),
  { head: "Calls", value: (s) => s.request_count, cell: (s) => count(s.request_count), num: true },
  { head: "Duration", value: (s) => s.duration_seconds, cell: (s) => duration(s.duration_seconds), num: true },
  { head: "Team", value: (s) => s.team, cell: (s) => names(s.team) },
  { head: "App", value: (s) => s.app_id, cell: (s) => name(s.app_id) },
  ...callers(sessions),
  { head: "Models", value: (s) => s.models, cell: (s) => names(s.models) },
];
