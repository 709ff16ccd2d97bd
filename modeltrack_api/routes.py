"""Every call of the API: its method and path, who answers it, and the parameters it takes. One list an area."""

from typing import Any, NamedTuple

from addons.ledger.events import rfc3339
from modeltrack_api import metrics
from modeltrack_api.api import Ask, Handler
from modeltrack_api.dashboard_files import dashboard_files
from modeltrack_api.facts import Filters
from modeltrack_api.params import Param

ALL = Filters._fields
WHO = ("team", "app_id")


class Route(NamedTuple):
    method: str
    path: str
    """`{name}` stands for one part of it; a `Param` of that name says what it may be."""
    handler: Handler
    params: tuple[Param, ...] = ()
    window: bool = False
    """Whether it takes `start_date` and `end_date`."""
    filters: tuple[str, ...] = ()
    """Those it takes, by their names in `Filters`."""
    takes_body: bool = False
    """JSON, which is then needed."""
    catches_up: bool = True
    """Whether the answer needs all of the log; without, it comes at once even while the log is first read."""
    any_query: bool = False
    """Whether unknown parameters are left alone."""


def health(ask: Ask) -> dict[str, Any]:
    return {"status": "ok", "timestamp": rfc3339(ask.now)}


SERVER = [
    Route("GET", "/api/health", health, catches_up=False),
    Route("GET", "/metrics", metrics.metrics, catches_up=False),
    *(Route("GET", path, page, catches_up=False, any_query=True) for path, page in dashboard_files().items()),
]

QUERIES: list[Route] = []

ROUTES: list[Route] = [*SERVER, *QUERIES]
