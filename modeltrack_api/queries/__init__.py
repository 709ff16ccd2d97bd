"""Answer the API's questions about the past: handlers (see `web.handler`) that read the sums in the database.

Without dates an answer covers all time, unless its handler says otherwise. Answers count calls of models only, except
`infrastructure`, `events` and the `infra_cost` in `teams`. A label that an event lacks is "". It is listed like any
other value, so that the parts add up to the whole.

Input tokens include those that the provider read from or wrote to its cache; `total_tokens` are input and output. A hit
in ModelTrack's own cache counts as a request, costs 0, and has the tokens of the call that it repeats. A call without a
known price adds 0 to sums of money. A refused call counts as a request without tokens that costs 0.
"""

from modeltrack_api.queries.budgets import budgets
from modeltrack_api.queries.events import events
from modeltrack_api.queries.features import feature, features
from modeltrack_api.queries.infrastructure import infrastructure
from modeltrack_api.queries.labels import models, segments, teams
from modeltrack_api.queries.overview import overview
from modeltrack_api.queries.prompts import prompts, prompts_summary
from modeltrack_api.queries.savings import cache, routing
from modeltrack_api.queries.sessions import session, sessions
from modeltrack_api.queries.spend import spend, spend_summary

__all__ = [
    "budgets",
    "cache",
    "events",
    "feature",
    "features",
    "infrastructure",
    "models",
    "overview",
    "prompts",
    "prompts_summary",
    "routing",
    "segments",
    "session",
    "sessions",
    "spend",
    "spend_summary",
    "teams",
]
