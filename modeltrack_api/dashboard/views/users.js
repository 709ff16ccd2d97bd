import { href } from "../address.js";
import { card, el } from "../dom.js";
import { about, count, name } from "../format.js";
import { spend } from "../money.js";
import { empty } from "../states.js";
import { table } from "../table.js";
import * as tokens from "../tokens.js";
import { ALL } from "./common.js";

const MOST = 1000;

export default {
  title: "Users",
  filters: ALL,

  async load({ get, query }) {
    const [users, keys] = await Promise.all([get("/api/users", query), get("/api/keys", query)]);
    return { users, keys };
  },

  render({ users, keys }) {
    if (!users.length) return empty();
    return [list("Users", users, "user", "sessions", USED_BY), list("Keys", keys, "key_id", "live", HELD_BY)];
  },
};

/** A card of sums by user or by key. Each name links to a view of its calls. */
function list(title, rows, key, view, more) {
  if (!rows.some((row) => row[key])) return card(title, el("p", { class: "state" }, `None of these calls has a ${key === "user" ? "user" : "key"}.`));
  const link = (row) => (row[key] ? el("a", { href: href(view, { [key]: row[key] }) }, row[key]) : name(row[key]));
  const columns = [
    { head: title.slice(0, -1), value: (row) => row[key], cell: link },
    spend("total_cost"),
    { head: "Requests", value: (row) => row.request_count, cell: (row) => count(row.request_count), num: true },
    { head: "Average", value: (row) => row.avg_cost_per_request, cell: (row) => about(row.avg_cost_per_request), num: true },
    ...more,
    { head: "Main team", value: (row) => row.primary_team, cell: (row) => name(row.primary_team) },
    { head: "Main model", value: (row) => row.primary_model, cell: (row) => name(row.primary_model) },
    ...tokens.columns(rows),
  ];
  return card(title, table(title, columns, rows), rows.length === MOST && el("p", { class: "quiet" }, `The ${count(MOST)} most expensive.`));
}

const USED_BY = [{ head: "Main key", value: (row) => row.primary_key, cell: (row) => name(row.primary_key) }];
const HELD_BY = [{ head: "Main user", value: (row) => row.primary_user, cell: (row) => name(row.primary_user) }];
