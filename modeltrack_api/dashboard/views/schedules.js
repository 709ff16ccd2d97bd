/** Shows the schedules for reports, and a form for a new one. */

import * as api from "../api.js";
import { action, el, field, option } from "../dom.js";
import { moment } from "../format.js";
import { own } from "../lookup.js";
import { table } from "../table.js";
import { submit } from "./common.js";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const PERIODS = { daily: "a day", weekly: "a week", monthly: "a month", quarterly: "a quarter" };
const FREQUENCIES = { daily: "every day", weekly: "every week", monthly: "every month" };

export function schedules(planned, reload) {
  const columns = [
    { head: "Name", value: (s) => s.name },
    { head: "Covers", value: (s) => s.period, cell: (s) => own(PERIODS, s.period, s.period) },
    { head: "Sent", value: (s) => s.frequency, cell: when },
    { head: "Last sent", value: (s) => s.last_sent_at ?? "", cell: (s) => moment(s.last_sent_at) },
    {
      head: "Delete",
      cell: (s) =>
        action("Delete", async () => {
          await api.remove(`/api/reports/schedules/${s.id}`);
          reload();
          return `${s.name} is deleted.`;
        }, { "aria-label": `Delete ${s.name}` }),
    },
  ];
  return el(
    "div",
    {},
    planned.length ? table("Reports sent to Slack", columns, planned) : el("p", { class: "quiet" }, "None yet. Reports need SLACK_WEBHOOK_URL in the API's environment."),
    form(reload),
  );
}

function when({ frequency, day_of_week, day_of_month, hour }) {
  const day = frequency === "weekly" ? `, ${DAYS[day_of_week ?? 1]}` : frequency === "monthly" ? `, day ${day_of_month ?? 1}` : "";
  return `${own(FREQUENCIES, frequency, frequency)}${day}, ${String(hour).padStart(2, "0")}:00 UTC`;
}

const select = (id, options) => el("select", { id }, Object.entries(options).map(([value, text]) => option(value, text)));

function form(reload) {
  const name = el("input", { id: "schedule_name", required: true, maxlength: 100, autocomplete: "off" });
  const period = select("schedule_period", PERIODS);
  const frequency = select("schedule_frequency", FREQUENCIES);
  const hour = el("input", { id: "schedule_hour", type: "number", min: 0, max: 23, value: 9, required: true });
  const add = (event) => {
    event.preventDefault();
    const body = { name: name.value.trim(), period: period.value, frequency: frequency.value, hour: Number(hour.value) };
    const said = `${body.name} will be sent ${FREQUENCIES[body.frequency]}.`;
    return submit(event.target, "/api/reports/schedules", body, said, reload);
  };
  return el(
    "form",
    { class: "fields", onsubmit: add },
    field("Name", name),
    field("Covers", period),
    field("Sent", frequency),
    field("Hour (UTC)", hour),
    el("button", { type: "submit" }, "Add schedule"),
  );
}
