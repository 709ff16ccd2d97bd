/** The API_TOKEN, asked for once and kept as long as the tab. */

import { byId } from "./dom.js";

const KEY = "modeltrack-token";
let asking;

export const knownToken = () => sessionStorage.getItem(KEY) || "";

/** Unless another was given meanwhile. */
export function forgetToken(refused) {
  if (knownToken() === refused) sessionStorage.removeItem(KEY);
}

/** Calls that find no token at the same time wait for the same answer. */
export function askToken(wasRefused) {
  if (knownToken()) return Promise.resolve();
  asking ??= ask(wasRefused).finally(() => (asking = undefined));
  return asking;
}

function ask(wasRefused) {
  const dialog = byId("token");
  const input = byId("token-value");
  if (wasRefused) byId("token-why").textContent = "The API refused this token. It is the API_TOKEN that it was started with.";
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const done = () => {
      const given = input.value.trim();
      if (!/^[!-~]+$/.test(given)) return dialog.showModal();
      dialog.removeEventListener("close", done);
      sessionStorage.setItem(KEY, given);
      input.value = "";
      resolve();
    };
    dialog.addEventListener("close", done);
  });
}
