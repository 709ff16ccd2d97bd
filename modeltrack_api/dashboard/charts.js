/** Draws charts with plotly.js, if the API serves it. Below each chart, or instead of it, is a table of its numbers. */

import { el } from "./dom.js";
import { usd } from "./format.js";

let library;

/** Returns plotly, or undefined: without the package the API serves a script that does nothing. */
function plotly() {
  library ??= new Promise((resolve) => {
    const script = el("script", { src: "/plotly.min.js" });
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => {
      library = undefined;
      resolve(undefined);
    });
    document.head.append(script);
  }).finally(withoutStyles());
  return library;
}

/**
 * Drops <style> elements while plotly loads, and returns a function that ends this. Plotly's map library adds one,
 * which the CSP forbids and no chart here needs.
 */
function withoutStyles() {
  const { head } = document;
  head.appendChild = (node) => (node instanceof HTMLStyleElement ? node : Node.prototype.appendChild.call(head, node));
  return () => delete head.appendChild;
}

/** Returns a colour of the stylesheet in the current theme. */
export function colour(name) {
  const probe = el("i", { style: { color: `var(--${name})` } });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/**
 * Makes a chart. `traces()` and `layout()` return plotly's, and are called when it draws; `summary` is the chart in one
 * sentence; `table` is the element with its numbers.
 */
export function chart(title, { traces, layout = () => ({}), summary, table, height = 260 }) {
  const plot = el("div", { class: "plot", role: "img", "aria-label": `${title}. ${summary}`, hidden: true });
  const numbers = el("details", { open: true }, el("summary", {}, "Table"), table);
  const figure = el("figure", { class: "card chart" }, el("figcaption", {}, el("h2", {}, title)), plot, numbers);
  plot.style.height = `${height}px`;
  plotly().then((library) => {
    if (!library || !figure.isConnected) return;
    plot.hidden = false;
    numbers.open = opened.has(title);
    library.newPlot(plot, traces(), { ...base(height), ...layout() }, { displayModeBar: false, responsive: true });
  });
  numbers.addEventListener("toggle", () => {
    if (!plot.hidden) numbers.open ? opened.add(title) : opened.delete(title);
  });
  return figure;
}

/** The titles of charts whose table the user has opened. */
const opened = new Set();

/** Ends the charts inside an element before it is removed, since each chart listens to events of the window. */
export function purge(element) {
  for (const plot of element.querySelectorAll(".js-plotly-plot")) window.Plotly?.purge(plot);
}

const base = (height) => ({
  height,
  margin: { l: 56, r: 12, t: 8, b: 36 },
  paper_bgcolor: "transparent",
  plot_bgcolor: "transparent",
  font: { family: "system-ui, sans-serif", size: 12, color: colour("muted") },
  colorway: ["accent", "second", "third", "fourth", "fifth"].map(colour),
  hovermode: "x unified",
  hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text") } },
  dragmode: false,
  showlegend: false,
  legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
  xaxis: { gridcolor: colour("line"), zeroline: false, fixedrange: true, tickangle: 0, tickfont: { size: 11 } },
  yaxis: axis(),
});

/** An axis of money that begins at 0. */
export const axis = (more = {}) => ({
  gridcolor: colour("line"),
  zerolinecolor: colour("line"),
  tickprefix: "$",
  rangemode: "tozero",
  fixedrange: true,
  automargin: true,
  ...more,
});

/** Escapes a text, because plotly reads some HTML in texts. */
export const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const money = (y, label) => ({
  customdata: y.map(usd),
  hovertemplate: `${label ? `${plain(label)} ` : ""}%{customdata}<extra></extra>`,
});

/** An area of amounts by day. */
export function area(x, y, label, name = "accent") {
  return {
    type: "scatter",
    mode: x.length < 2 ? "markers" : "lines",
    x,
    y,
    name: plain(label),
    fill: "tozeroy",
    line: { color: colour(name), width: 2, shape: "linear" },
    fillcolor: colour(`${name}-soft`),
    ...money(y),
  };
}

/** Bars of amounts by day. */
export const bars = (x, y, label, name = "accent") => ({
  type: "bar",
  x,
  y,
  name: plain(label),
  marker: { color: colour(name), cornerradius: 3 },
  ...money(y, label),
});

/**
 * Horizontal bars of amounts by label, the first on top: traces and layout. The bars have numbers, and the axis shows the
 * labels: plotly finds labels again in an object, which has `constructor` and the like already.
 */
export function ranks(labels, amounts) {
  const places = labels.map((_, n) => n);
  return {
    traces: [{ ...bars(amounts, places, ""), ...money(amounts, ""), orientation: "h" }],
    layout: {
      xaxis: axis(),
      yaxis: { tickvals: places, ticktext: labels, autorange: "reversed", automargin: true, fixedrange: true, ticksuffix: " ", zeroline: false },
      hovermode: "closest",
    },
  };
}

/** A line of amounts by day. `dash` is plotly's. */
export const line = (x, y, label, name = "accent", dash = "solid") => ({
  type: "scatter",
  mode: "lines",
  x,
  y,
  name: plain(label),
  line: { color: colour(name), width: 2, dash },
  ...money(y, label),
});
