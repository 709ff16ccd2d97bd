/** Makes tables that can be sorted by column and are shortened if long. Each keeps its state while the page is open. */

import { el } from "./dom.js";

const SHOWN = 50;
const left = new Map();

/**
 * `columns` are `{head, hint, value(row), cell(row), num, bar}`. Rows keep their order until one sorts by a column's `value`.
 * `hint` explains the head on hover. `cell` is what is shown, text or an element; by default the value. `num` aligns to the right. `bar` draws a bar behind
 * the cell, in proportion to the largest value.
 */
export function table(caption, columns, rows, { visibleCaption = false } = {}) {
  const body = el("tbody");
  const more = el("button", { type: "button", class: "more" });
  const state = left.get(caption) ?? { by: -1, descending: true, isWhole: false };
  const heads = columns.map((column, n) => head(column, () => sort(n)));

  function sort(n) {
    state.descending = state.by === n ? !state.descending : Boolean(columns[n].num);
    state.by = n;
    fill();
  }

  function fill() {
    left.set(caption, state);
    const sorted = ordered(rows, columns[state.by], state.descending);
    body.replaceChildren(...sorted.slice(0, state.isWhole ? Infinity : SHOWN).map((row) => line(columns, row, rows)));
    more.hidden = state.isWhole || rows.length <= SHOWN;
    more.textContent = `Show all ${rows.length}`;
    heads.forEach((th, n) => {
      if (n === state.by) th.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }

  more.addEventListener("click", () => {
    state.isWhole = true;
    fill();
  });
  fill();
  return el(
    "div",
    { class: "table", role: "region", "aria-label": caption, tabindex: 0 },
    el(
      "table",
      {},
      el("caption", { class: visibleCaption ? "" : "hidden" }, caption),
      el("thead", {}, el("tr", {}, heads)),
      body,
    ),
    more,
  );
}

function head(column, sort) {
  const content = column.value ? el("button", { type: "button", onclick: sort }, column.head) : column.head;
  return el("th", { scope: "col", class: column.num ? "num" : "", title: column.hint }, content);
}

function line(columns, row, rows) {
  return el(
    "tr",
    {},
    columns.map((column, n) => {
      const cell = el(n ? "td" : "th", { scope: n ? null : "row", class: classes(column) }, shown(column, row));
      if (column.bar) cell.style.setProperty("--part", part(column, row, rows));
      return cell;
    }),
  );
}

const classes = (column) => [column.num && "num", column.bar && "bar"].filter(Boolean).join(" ");
const shown = (column, row) => (column.cell ?? column.value)(row) ?? "–";

function part(column, row, rows) {
  const largest = rows.reduce((found, each) => Math.max(found, column.value(each) || 0), 0);
  return largest ? Math.max(0, column.value(row) || 0) / largest : 0;
}

function ordered(rows, column, descending) {
  if (!column) return rows;
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compared(column.value(a), column.value(b)));
}

function compared(a, b) {
  if (typeof a === "number" || typeof b === "number") return (a ?? -Infinity) - (b ?? -Infinity);
  return String(a ?? "").localeCompare(String(b ?? ""));
}
