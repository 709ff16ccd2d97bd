/** Makes elements. Text is never parsed as HTML, since names of teams and models come from the proxy's clients. */

/**
 * `props` are attributes by name. `on…` are listeners, `style` is an object of properties (the CSP allows no style
 * attributes), and `true` makes an attribute without a value. Children that are null or false are left out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, set] of Object.entries(value)) node.style.setProperty(key, set);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export function card(title, ...children) {
  return el("section", { class: "card" }, title && el("h2", {}, title), ...children);
}

/** A single figure: its label, its value, and a note about it. */
export function stat(label, value, note) {
  return el(
    "div",
    { class: "card stat" },
    el("dt", {}, label),
    el("dd", {}, value, note && el("small", {}, note)),
  );
}

export const stats = (...each) => el("dl", { class: "stats" }, ...each);

export const badge = (text, kind = "") => el("span", { class: `badge ${kind}` }, text);

let shown;

/** Shows a message about what an action did; screen readers read it out too. */
export function announce(text, isError = false) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.classList.toggle("error", isError);
  notice.hidden = false;
  clearTimeout(shown);
  shown = setTimeout(() => (notice.hidden = true), isError ? 15000 : 6000);
}

/** A button that runs `work`, never twice at once, and announces the text that `work` returns, or its error. */
export function action(label, work, props = {}) {
  const button = el("button", { type: "button", ...props }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const said = await work();
      if (said) announce(said);
    } catch (error) {
      announce(error.message, true);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

/** A labelled form field. `control` must have an id. */
export function field(label, control, hint) {
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control, hint && el("small", {}, hint));
}

export const option = (value, text, selected) => el("option", { value, selected }, text);
