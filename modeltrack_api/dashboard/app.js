/** Runs the page: shows the view that the URL names, loads its data, and keeps it fresh. */

import { ApiError } from "./api.js";
import * as api from "./api.js";
import { href, query, read } from "./address.js";
import { purge } from "./charts.js";
import { byId, el } from "./dom.js";
import * as filters from "./filters.js";
import { own } from "./lookup.js";
import { Refresh } from "./refresh.js";
import { failure, loading } from "./states.js";
import * as theme from "./theme.js";
import { VIEWS } from "./views/index.js";

/**
 * A view has a `title`, the `filters` that it takes, and the `seconds` between refreshes (0 for none). Its `load(context)`
 * returns data, and `render(data, context)` returns elements. `context` has the `id` and `params` of the URL, the `query`
 * for API requests, `get`, which is aborted when the view changes, and `reload`.
 */
const main = byId("main");
const refresh = new Refresh(() => load());
let turn = new AbortController();
let current;
let last;

function show() {
  const { view: key, id, params } = read();
  const view = own(VIEWS, key, VIEWS.overview);
  const isNew = current?.view !== view || current?.id !== id;
  const context = { view, id, params, query: query(params, view.filters), get, reload: () => load() };
  current = context;
  byId("title").textContent = view.title;
  document.title = `${view.title} · ModelTrack`;
  filters.draw(view.filters, params);
  navigation(key);
  refresh.stop();
  if (isNew) {
    last = undefined;
    fill(loading());
    setMenu(false);
    if (document.activeElement?.closest("#nav, #main")) byId("title").focus();
    filters.fetchNames().then((isOther) => isOther && filters.draw(current.view.filters, current.params));
  }
  load();
}

const get = (path, asked) => api.get(path, asked, turn.signal);

async function load() {
  turn.abort();
  turn = new AbortController();
  const { signal } = turn;
  const context = current;
  main.setAttribute("aria-busy", "true");
  try {
    const data = await context.view.load(context);
    if (signal.aborted) return;
    const text = JSON.stringify(data);
    const isSame = context === last?.context;
    if (text !== last?.text || !isSame) {
      last = { text, data, context };
      draw(isSame);
    }
    fresh(`Updated ${new Date().toISOString().slice(11, 19)} UTC`);
    refresh.after(context.view.seconds ?? 30, false);
  } catch (error) {
    if (signal.aborted) return;
    failed(error, context);
  }
  main.removeAttribute("aria-busy");
}

function failed(error, context) {
  if (!(error instanceof ApiError)) console.error(error);
  const told = error instanceof ApiError ? error : new ApiError(-1, "There is a bug in this page: see the browser's console.");
  const mayHelp = told.status === 0 || told.status >= 429;
  const seconds = mayHelp ? refresh.after(context.view.seconds || 30, true, told.retryAfter) : 0;
  if (last?.context !== context) fill(failure(told));
  fresh(`${told.message}${seconds ? ` Trying again in ${seconds} s.` : ""}`, true);
}

/** Draws the view. With `isSame`, what the user has typed into forms stays. */
function draw(isSame) {
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  const filled = isSame ? [...main.querySelectorAll("form input, form select")].map((each) => [each.id, each.value]) : [];
  fill(...[last.context.view.render(last.data, last.context)].flat());
  for (const [id, value] of filled) if (byId(id)) byId(id).value = value;
  if (focused) byId(focused)?.focus();
}

function fill(...children) {
  purge(main);
  main.replaceChildren(...children.filter(Boolean));
}

function fresh(text, isError = false) {
  byId("fresh").textContent = text;
  byId("fresh").classList.toggle("error", isError);
}

function navigation(key) {
  const links = Object.entries(VIEWS).map(([each, { title }]) =>
    el("li", {}, el("a", { href: href(each), "aria-current": each === key ? "page" : null }, title)),
  );
  const focused = document.activeElement?.closest("#nav a")?.textContent;
  byId("nav").replaceChildren(el("ul", {}, links));
  if (focused) [...byId("nav").querySelectorAll("a")].find((a) => a.textContent === focused)?.focus();
}

function setMenu(isOpen) {
  byId("menu").setAttribute("aria-expanded", String(isOpen));
  byId("nav").classList.toggle("open", isOpen);
}

byId("menu").addEventListener("click", () => setMenu(byId("menu").getAttribute("aria-expanded") !== "true"));
byId("refresh").addEventListener("click", () => load());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
theme.setUp(() => last && draw(true));
addEventListener("hashchange", show);
show();
