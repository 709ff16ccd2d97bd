"""Answer the API's questions about the past: handlers (see `web.handler`) that read the sums in the database.

Without dates an answer covers all time, unless its handler says otherwise. Answers count calls of models only, except
`infrastructure`, `events` and the `infra_cost` in `teams`. A label that an event lacks is "". It is listed like any
other value, so that the parts add up to the whole.

Input tokens are those at full price; what the provider read from or wrote to its cache has sums of its own, and
`total_tokens` has all that was billed. A hit in ModelTrack's own cache counts as a request and costs 0; its tokens are
apart, in `hit_tokens`. A call without a known price is a request that is in no sum of money: `unpriced_requests` counts
it, and a sum of which nothing is known is null, never 0. A refused call counts as a request without tokens that costs
0.
"""

from modeltrack_api.queries.budgets import budgets
from modeltrack_api.queries.callers import keys, users
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
    "keys",
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
    "users",
]
