/** Lists all views by their name in the URL, in the order of the menu. */

import alerts from "./alerts.js";
import estimator from "./estimator.js";
import features from "./features.js";
import forecast from "./forecast.js";
import infrastructure from "./infrastructure.js";
import live from "./live.js";
import models from "./models.js";
import overview from "./overview.js";
import prompts from "./prompts.js";
import reports from "./reports.js";
import sessions from "./sessions.js";
import teams from "./teams.js";
import users from "./users.js";

export const VIEWS = {
  overview,
  models,
  teams,
  users,
  features,
  sessions,
  prompts,
  forecast,
  estimator,
  reports,
  alerts,
  infrastructure,
  live,
};
