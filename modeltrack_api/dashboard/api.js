/** Sends requests to the API, with the token if the API needs one. */

import { askToken, forgetToken, knownToken } from "./token.js";

export class ApiError extends Error {
  /** `status` is 0 if no answer came. */
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const TIMEOUT_MS = 40000;

async function fetched(method, path, { query = {}, body, signal } = {}) {
  const url = new URL(path, location.origin);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  for (;;) {
    const used = knownToken();
    const headers = used ? { Authorization: `Bearer ${used}` } : {};
    if (method !== "GET") headers["Content-Type"] = "application/json";
    const init = { method, headers, signal: AbortSignal.any(signals), credentials: "omit" };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "The API does not answer.");
    }
    if (response.status !== 401) return response;
    forgetToken(used);
    await askToken(used !== "");
    signals[0] = AbortSignal.timeout(TIMEOUT_MS);
  }
}

async function checked(response) {
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  const message = answer.error || `The API answered ${response.status}.`;
  throw new ApiError(response.status, message, Number(response.headers.get("Retry-After")) || 0);
}

async function call(method, path, options) {
  const response = await checked(await fetched(method, path, options));
  try {
    return (await response.json()).data;
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiError(0, "The answer of the API was incomplete.");
  }
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body = {}) => call("POST", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path) => call("DELETE", path);

/** Downloads a file and returns its name. It goes through a blob, since a plain link could not carry the token. */
export async function download(path, query) {
  const response = await checked(await fetched("GET", path, { query }));
  const found = /filename="([^"/\\]+)"/.exec(response.headers.get("Content-Disposition") || "");
  const file = found ? found[1] : "modeltrack";
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  return file;
}

/** Returns `{data}` or `{error}`, for a part of a view whose failure must not take the others with it. */
export async function part(promise) {
  try {
    return { data: await promise };
  } catch (error) {
    if (error instanceof ApiError) return { error };
    throw error;
  }
}
