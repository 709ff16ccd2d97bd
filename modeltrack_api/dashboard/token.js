/** Asks for the API_TOKEN once, and keeps it until the tab is closed. */

import { byId } from "./dom.js";

const KEY = "modeltrack-token";
let asking;

export const knownToken = () => sessionStorage.getItem(KEY) || "";

/** Forgets a token that was refused, unless another one was entered meanwhile. */
export function forgetToken(refused) {
  if (knownToken() === refused) sessionStorage.removeItem(KEY);
}

/** Asks the user for a token. Requests that need one at the same time wait for the same answer. */
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
