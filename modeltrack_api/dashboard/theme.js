/** Sets the theme, dark or light: the system's, unless the user chose one. */

import { byId } from "./dom.js";

const KEY = "modeltrack-theme";

export function setUp(onChange) {
  const select = byId("theme");
  const chosen = localStorage.getItem(KEY) || "";
  apply(chosen);
  select.value = chosen;
  select.addEventListener("change", () => {
    localStorage.setItem(KEY, select.value);
    apply(select.value);
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
}

const apply = (theme) => (document.documentElement.dataset.theme = theme);
