"""ResponseCache: answer identical requests from memory; send identical requests in flight upstream only once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cachetools import TTLCache
from mitmproxy import http

from addons.core import Core
from addons.flow.attached import call_of, open_call
from addons.flow.bodies.heavy import apart, is_heavy
from addons.flow.guard import guarded
from addons.flow.headers import put
from addons.flow.measure import answer_body, has_failed, measure
from addons.flow.replies import refuse
from addons.flow.wordings import CLIENT_DISCONNECTED
from addons.ledger.money import format_usd
from addons.ledger.names import compared
from addons.llm.cache_key import cache_key, is_exact, key_headers
from addons.llm.call import CallState, LLMCall
from addons.llm.denial import Denial
from addons.llm.usage import Usage

CACHE_HEADER = "X-ModelTrack-Cache"
SAVINGS_HEADER = "X-ModelTrack-Cache-Savings"

_KEPT_HEADERS = frozenset({b"content-type", b"request-id", b"x-request-id", b"openai-version", b"openai-processing-ms"})
_ENTRY_OVERHEAD = 2048  # bytes that the objects around an answer take
_LEFT = Denial(
    503,
    CLIENT_DISCONNECTED,
    "The client closed its side while it waited for an identical call, which failed. The call has not been made.",
)
_LEADER_SECONDS = 600  # as long as the SDKs wait for an answer


@dataclass(frozen=True, slots=True)
class Entry:
    body: bytes
    """The answer's body, without content encoding."""
    headers: tuple[tuple[bytes, bytes], ...]
    usage: Usage
    model: str
    cost_nanos: int | None
    """The answer's cost in nano-USD, which each hit saves; None if its price is not known."""

    @property
    def size(self) -> int:
        return len(self.body) + _ENTRY_OVERHEAD


class ResponseCache:
    def __init__(self, core: Core, timer: Callable[[], float] = time.monotonic) -> None:
        self.core = core
        self.counts = core.counts
        self._timer = timer
        self._limits = (0, 0)
        self._entries: TTLCache[bytes, Entry] = TTLCache(1, 1)
        self._in_flight: dict[bytes, asyncio.Future[Entry | None]] = {}

    def failed(self, flow: http.HTTPFlow) -> None:
        """Let the request go on as a miss, and release those that wait for its answer."""
        if call := call_of(flow):
            self._conclude(call, None)

    def entries(self) -> "TTLCache[bytes, Entry]":
        """Return the answers by cache key. A change of the cache's limits in the settings starts an empty cache."""
        settings = self.core.settings
        limits = settings.cache_max_bytes, settings.cache_ttl_seconds
        if limits != self._limits:
            self._limits = limits
            self._entries = TTLCache(*limits, timer=self._timer, getsizeof=lambda entry: entry.size)
        return self._entries

    def size(self) -> tuple[int, int]:
        """Return how many answers are cached, and the bytes that they take."""
        entries = self.entries()
        entries.expire()
        return len(entries), int(entries.currsize)

    def clear(self) -> int:
        """Forget all answers, and return how many there were."""
        entries = len(self.entries())
        self.entries().clear()
        return entries

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        call = open_call(flow)
        if not call or not self.core.settings.cache_enabled or call.no_cache or call.is_stream:
            return None
        if call.body.get("stream"):
            return None  # a value such as 1, which some servers take for true
        if call.fixed == "signed_request":
            return None  # only AWS can tell whether the caller has the key that the signature names
        if is_heavy(len(flow.request.raw_content or b"")):
            return self._look_up_apart(flow, call)
        call.cache_key = _key(flow, call)
        return self._look_up(flow, call)

    async def _look_up_apart(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        call.cache_key = await apart(_key, flow, call)
        if open_call(flow) and (rest := self._look_up(flow, call)):
            await rest

    def _look_up(self, flow: http.HTTPFlow, call: LLMCall) -> Awaitable[None] | None:
        if call.cache_key is None:
            return None
        entry = self.entries().get(call.cache_key)
        if entry is None and (leader := self._in_flight.get(call.cache_key)):
            return self._follow(flow, call, leader)
        self._decide(flow, call, call.cache_key, entry)
        return None

    async def _follow(self, flow: http.HTTPFlow, call: LLMCall, leader: asyncio.Future[Entry | None]) -> None:
        entry = await self._answer_of(leader)
        self.counts.cache_coalesced += entry is not None
        if not call.cache_key or not open_call(flow):
            return  # the client has gone while we waited
        if entry is None and call.error == CLIENT_DISCONNECTED:
            refuse(flow, call, _LEFT)  # nobody may be there to read the answer, so none is bought
        else:
            self._decide(flow, call, call.cache_key, entry)

    def _decide(self, flow: http.HTTPFlow, call: LLMCall, key: bytes, entry: Entry | None) -> None:
        if entry:
            self._serve(flow, call, entry)
            return
        self.counts.cache_misses += 1
        if key not in self._in_flight:
            self._in_flight[key] = asyncio.get_running_loop().create_future()
            call.leads = True

    async def _answer_of(self, leader: asyncio.Future[Entry | None]) -> Entry | None:
        self.counts.cache_waiting += 1
        try:
            return await asyncio.wait_for(asyncio.shield(leader), _LEADER_SECONDS)
        except TimeoutError:
            return None
        finally:
            self.counts.cache_waiting -= 1

    def _serve(self, flow: http.HTTPFlow, call: LLMCall, entry: Entry) -> None:
        now = time.time()
        headers = http.Headers((*entry.headers, (b"content-length", b"%d" % len(entry.body))))
        flow.response = http.Response(b"HTTP/1.1", 200, b"OK", headers, entry.body, None, now, now)
        call.cache_hit = True
        call.usage, call.model, call.cost_nanos, call.state = entry.usage, entry.model, 0, CallState.MEASURED
        call.saved_nanos = entry.cost_nanos
        self.counts.cache_savings_nanos += entry.cost_nanos or 0
        self.counts.cache_hits += 1

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if not call or call.cache_key is None or not flow.response:
            return
        headers = {CACHE_HEADER: "HIT" if call.cache_hit else "MISS"}
        if call.cache_hit and call.saved_nanos is not None:
            headers[SAVINGS_HEADER] = format_usd(call.saved_nanos)
        put(flow.response.headers, headers)

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if not call or not call.leads:
            return
        entry = self._entry(flow, call)
        entries = self.entries()
        if entry and call.cache_key and entry.size <= entries.maxsize:
            entries[call.cache_key] = entry
            while len(entries) > self.core.settings.cache_max_entries:
                entries.popitem()  # the least recently used
        self._conclude(call, entry)

    def _entry(self, flow: http.HTTPFlow, call: LLMCall) -> Entry | None:
        """Return what the cache keeps of an answer, or None: it keeps only whole answers that report their usage."""
        response = flow.response
        if response is None or response.status_code != 200 or response.stream:
            return None
        measure(self.core, flow, call)
        if call.usage.estimated or has_failed(call) or not call.usage.total_tokens:
            return None
        headers = tuple(field for field in response.headers.fields if field[0].lower() in _KEPT_HEADERS)
        content = (call.answer and call.answer.content) or answer_body(response)
        return Entry(content, headers, call.usage, call.model, call.cost_nanos)

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        if call := call_of(flow):
            self._conclude(call, None)

    def _conclude(self, call: LLMCall, entry: Entry | None) -> None:
        """Give the entry, or None, to the requests that wait for this call's answer."""
        if call.leads and call.cache_key:
            call.leads = False
            future = self._in_flight.pop(call.cache_key)
            if not future.done():
                future.set_result(entry)

    def done(self) -> None:
        for future in self._in_flight.values():
            if not future.done():
                future.set_result(None)


def _key(flow: http.HTTPFlow, call: LLMCall) -> bytes | None:
    data = flow.request.data  # the raw values, since the request's properties convert them on each access
    url = f"{data.scheme.decode()}://{data.host}:{data.port}{data.path.decode('utf-8', 'surrogateescape')}"
    body, call.text, text = call.body, b"", call.text
    sent = {**body, "model": call.routed_from} if call.routed_from and "model" in body else body
    if not is_exact(sent, text):
        return None
    headers = key_headers(data.headers.fields)
    # A body whose strings were shortened has marks in them, which must not be taken for the text of another.
    name = call.provider.name + " shortened" * call.is_shortened
    if call.key:  # the proxy's own credential is in none of the headers: a team's answers are its own
        name += f" team {compared(call.attribution.team)}"
    return cache_key(name, url, body, headers, call.wire.filing)
