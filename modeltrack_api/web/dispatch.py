"""Turn a request into its answer: check who asks, find the route, read the parameters, encode the answer."""

import base64
import gzip
import hashlib
import logging
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from addons.callers import origins
from addons.callers.addresses import is_loopback
from addons.callers.bearer import shows_token
from modeltrack_api.app import App
from modeltrack_api.store.connections import Busy
from modeltrack_api.store.sums import ANY
from modeltrack_api.web import params
from modeltrack_api.web.handler import ApiError, Ask, Handler, Reply
from modeltrack_api.web.messages import Answer, Request, envelope, error_answer
from modeltrack_api.web.params import Param

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0
_GZIP_FROM = 1024
_COMPRESSIBLE = re.compile(r"text/|application/(json|javascript)|image/svg")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Route(NamedTuple):
    method: str
    path: str
    """`{name}` stands for one part of the path; the `Param` of that name says which values are allowed."""
    handler: Handler
    params: tuple[Param, ...] = ()
    window: bool = False
    """Whether the route takes `start_date` and `end_date`."""
    filters: tuple[str, ...] = ()
    """The filters that the route takes, by their names in `Filters`."""
    takes_body: bool = False
    """Whether the route takes a JSON body. If so, the body is required."""
    catches_up: bool = True
    """Whether the answer must include every event of the log. If not, it comes at once, even while the log is read."""
    any_query: bool = False
    """Whether unknown parameters are ignored instead of refused."""


class Dispatcher:
    """Answers requests. `answer` may be called from any thread, and never raises."""

    def __init__(self, app: App, routes: Iterable[Route], patience: float = _PATIENCE_SECONDS) -> None:
        """`patience` is how many seconds a request waits for the log to be read."""
        self._app = app
        self._patience = patience
        self._is_loopback = is_loopback(app.settings.host)
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in routes:
            if "{" in route.path:
                self._patterns.setdefault(tuple(route.path.split("/")), {})[route.method] = route
            else:
                self._exact.setdefault(route.path, {})[route.method] = route

    def answer(self, request: Request) -> Answer:
        try:
            answer = self._answer(request)
        except ApiError as error:
            answer = error_answer(error.status, str(error), error.headers)
        except Busy as error:
            answer = error_answer(503, str(error), {"Retry-After": "5"})
        except Exception:
            logger.exception("%s %s failed", request.method[:20], request.target.partition("?")[0][:200])
            answer = error_answer(500, "internal error; the log says which")
        answer = finished(request, answer)
        origin, vary = request.headers.get("origin", ""), answer.headers.get("Vary", "")
        more = origins.shared(origin, self._app.settings.allowed_origins, vary)
        return replace(answer, headers={**answer.headers, **more}) if more else answer

    def _answer(self, request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        if not path.startswith("/") or not request.target.isascii():
            raise ApiError(400, "the path must begin with / and be percent-encoded")
        self._check_page(request)
        if headers := origins.preflight(request.method, request.headers, self._app.settings.allowed_origins):
            return Answer(204, b"", headers=headers)
        self._check_token(request, path)
        route, in_path = self._route(request.method, path)
        if request.method not in ("GET", "HEAD"):
            _check_write(request)
        values = self._values(route, query, in_path)
        body = _body(request) if route.takes_body else None
        if route.catches_up:
            self._catch_up()
        window, has_window = params.window(values)
        with self._app.store.reading() as db:
            filters = params.filters(values) if route.filters else ANY
            ask = Ask(self._app, db, self._app.now(), window, has_window, filters, values, body)
            return _encoded(route.handler(ask))

    def _check_page(self, request: Request) -> None:
        """Refuse pages of other origins, and names that are not this machine's. Raises ApiError.

        Where only this machine may ask, programs have to use its own names, too.
        """
        headers, settings = request.headers, self._app.settings
        names = (settings.host.lower(),)
        if reason := origins.refusal(request.method, headers, settings.allowed_origins, names):
            raise ApiError(403, reason)
        if self._is_loopback and not origins.is_own_host(headers.get("host", ""), settings.allowed_origins, names):
            raise ApiError(403, "this address answers to this machine's names only; see API_HOST and ALLOWED_ORIGINS")

    def _check_token(self, request: Request, path: str) -> None:
        token = self._app.settings.token
        if not token or not (path.startswith("/api/") or path == "/metrics"):
            return
        if not shows_token(request.headers.get("authorization", ""), token):
            raise ApiError(
                401, "this call needs Authorization: Bearer and the API_TOKEN", {"WWW-Authenticate": "Bearer"}
            )

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        in_path: dict[str, str] = {}
        by_method = self._exact.get(path)
        if by_method is None:
            by_method, in_path = self._matched(path.split("/"))
        route = by_method.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = [*by_method, *(["HEAD"] if "GET" in by_method else [])]
            raise ApiError(405, f"this path takes {' and '.join(allowed)}", {"Allow": ", ".join(allowed)})
        return route, in_path

    def _matched(self, parts: list[str]) -> tuple[dict[str, Route], dict[str, str]]:
        for pattern, by_method in self._patterns.items():
            pairs = list(zip(pattern, parts, strict=False))
            if len(pattern) == len(parts) and all(name == part or name[:1] == "{" for name, part in pairs):
                return by_method, {name[1:-1]: params.decoded(part) for name, part in pairs if name[:1] == "{"}
        raise ApiError(404, "there is nothing at this path")

    def _values(self, route: Route, query: str, in_path: Mapping[str, str]) -> dict[str, Any]:
        asked = [param for param in route.params if param.name not in in_path]
        named = [param for param in route.params if param.name in in_path]
        if route.any_query:
            return params.read(in_path, named)
        allowed = [
            *asked,
            *(params.WINDOW if route.window else ()),
            *(p for p in params.FILTERS if p.name in route.filters),
        ]
        return params.read(params.query(query), allowed) | params.read(in_path, named)

    def _catch_up(self) -> None:
        """Read the log to its end, so that the answer misses no event that was written before. Raises ApiError."""
        until = time.monotonic() + self._patience
        try:
            if self._app.follower.ready.wait(self._patience) and self._app.ingest.catch_up(until):
                return
        except (OSError, sqlite3.Error):
            logger.exception("the event log cannot be read into the database; requests get 503 until it can")
            raise ApiError(503, "the event log cannot be read; the log says why", {"Retry-After": "5"}) from None
        raise ApiError(503, "the event log is still being read", {"Retry-After": "5"})


def _check_write(request: Request) -> None:
    """Refuse writes that are no JSON. Raises ApiError.

    A form of any page can send other kinds, also from a browser that does not say which page it was.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (request.body or request.method == "POST"):
        raise ApiError(415, "writes need Content-Type: application/json")


def _body(request: Request) -> Any:
    if not request.body:
        raise ApiError(400, "this call needs a body of JSON")
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise ApiError(400, "the body is not valid JSON") from None


def _encoded(reply: Any) -> Answer:
    if not isinstance(reply, Reply):
        return Answer(200, envelope(reply))
    if reply.content_type:
        return Answer(reply.status, reply.content, reply.content_type, reply.headers)
    return Answer(reply.status, envelope(reply.content), headers=reply.headers)


def finished(request: Request, answer: Answer) -> Answer:
    """Return the answer with an ETag and compressed, where the request allows, and with the headers of all answers."""
    is_page = answer.status == 200 and request.method in ("GET", "HEAD")
    headers = (
        {"Cache-Control": "private, no-cache" if is_page else "no-store"} | SECURITY_HEADERS | dict(answer.headers)
    )
    body = answer.body
    if is_page:
        tag = base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:16]).rstrip(b"=").decode()
        is_zipped = len(body) > _GZIP_FROM and bool(_COMPRESSIBLE.match(answer.content_type))
        if is_zipped:
            headers["Vary"] = "Accept-Encoding"
            is_zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
        headers["ETag"] = f'"{tag}-gzip"' if is_zipped else f'"{tag}"'
        if _has_tag(request.headers.get("if-none-match", ""), tag):
            return replace(answer, status=304, body=b"", headers=headers)
        if is_zipped:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 5, mtime=0)
    return replace(answer, body=body, headers=headers)


def _has_tag(header: str, tag: str) -> bool:
    known = {part.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for part in header.split(",")}
    return "*" in known or tag in known


def _takes_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False
