/** Shows the limits that only alert: the API keeps them, and the proxy refuses no calls because of them. */

import * as api from "../api.js";
import { action, announce, el, field } from "../dom.js";
import { name, usd } from "../format.js";
import { table } from "../table.js";
import { submit } from "./common.js";

const limit = (amount) => (amount === null ? "–" : usd(amount));

export function alertBudgets(budgets, reload) {
  const columns = [
    { head: "Team", value: (b) => b.team ?? "", cell: (b) => name(b.team, "every team") },
    { head: "App", value: (b) => b.app_id ?? "", cell: (b) => name(b.app_id, "every app") },
    { head: "A day", value: (b) => b.daily_limit_usd, cell: (b) => limit(b.daily_limit_usd), num: true },
    { head: "A month", value: (b) => b.monthly_limit_usd, cell: (b) => limit(b.monthly_limit_usd), num: true },
    {
      head: "Delete",
      cell: (b) =>
        action("Delete", async () => {
          await api.remove(`/api/alerts/budgets/${b.id}`);
          reload();
          return "The limit is deleted.";
        }, { "aria-label": `Delete the limit of ${name(b.team, "every team")}` }),
    },
  ];
  return el("div", {}, budgets.length > 0 && table("Limits that only alert", columns, budgets), form(reload));
}

function form(reload) {
  const text = (id) => el("input", { id, maxlength: 256, autocomplete: "off" });
  const money = (id) => el("input", { id, type: "number", min: 0, step: "any", inputmode: "decimal" });
  const [team, app] = [text("limit_team"), text("limit_app")];
  const [daily, monthly] = [money("limit_daily"), money("limit_monthly")];
  const add = (event) => {
    event.preventDefault();
    const limits = Object.entries({ daily_limit_usd: daily.value, monthly_limit_usd: monthly.value }).filter(([, value]) => value);
    if (!limits.length) return announce("Give a limit for a day or for a month.", true);
    const body = { team: team.value.trim(), app_id: app.value.trim(), ...Object.fromEntries(limits.map(([key, value]) => [key, Number(value)])) };
    return submit(event.target, "/api/alerts/budgets", body, "The limit is set.", reload);
  };
  return el(
    "form",
    { class: "fields", onsubmit: add },
    field("Team", team, "empty: every team"),
    field("App", app, "empty: every app"),
    field("USD a day", daily),
    field("USD a month", monthly),
    el("button", { type: "submit" }, "Add limit"),
  );
}
