"""LLMCall: what one request on a tracked route is, and what became of it so far. Hung on the flow by Routing."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from addons.callers.attribution import Attribution
from addons.ledger.budgets import Standing
from addons.ledger.spend import Ticket
from addons.llm.providers import Provider, StreamMeter, WireFormat
from addons.llm.request import LLMRequest
from addons.llm.routes import Tracked
from addons.llm.usage import NOTHING, Estimate, Usage


class Denial(NamedTuple):
    """Why a call is not served."""

    status: int
    kind: str
    """The error's type, a word."""
    message: str
    """What happened and what to do."""
    retry_after: int | None = None
    """Seconds; None says that a retry cannot help."""


@dataclass(slots=True)
class UntrackedCall:
    """A call of another route of a provider's."""

    team: str
    app: str
    sign_for: str = ""
    """The AWS service that the proxy has to sign it for, "" if it goes on as it came."""
    is_signed: bool = False
    """Whether it has done so."""


@dataclass(slots=True)
class LLMCall:
    route: Tracked
    base_url: str
    """What its path is put behind; "" leaves that to the provider."""
    attribution: Attribution
    started: float
    """Seconds, monotonic."""
    no_cache: bool = False
    no_route: bool = False
    """Whether the client asked for its model, whatever the routing rules say."""

    request: LLMRequest | None = None
    """None until the body has been read, and for one that could not be."""
    body: dict[str, Any] = field(default_factory=dict)
    """Empty once the request is on its way: what is needed later is in `request`."""
    fixed: str = ""
    """Why nothing of the request may be changed, "" if it may: compressed_body, signed_request."""
    adds_stream_usage: bool = False
    """Whether the stream reports its usage because the proxy asked, not the client."""

    standings: list[Standing] = field(default_factory=list)
    """Of the budgets that cover the call, at admission."""
    ticket: Ticket | None = None
    blocked_by: str = ""

    routed_from: str = ""
    routed_to: str = ""
    routing_rule: str = ""

    cache_key: bytes | None = None
    leads: bool = False
    """Whether identical requests wait for this one's answer."""
    cache_hit: bool = False
    saved_nanos: int | None = None

    sent: bool = False
    """Whether it may have reached the provider, so that it may cost something."""
    meter: StreamMeter | None = None
    ttft_ms: int | None = None
    measured: bool = False
    usage: Usage = NOTHING
    priced_usage: Usage = NOTHING
    """What `cost_nanos` is the price of: `usage` with its `extra` still apart."""
    model: str = ""
    """As billed; until measured, as asked for."""
    cost_nanos: int | None = 0
    error: str = ""
    logged: bool = False
    """Whether its event has been written."""
    response_headers: dict[str, str] = field(default_factory=dict)
    """To set on the answer."""

    @property
    def provider(self) -> Provider:
        return self.route.provider

    @property
    def wire(self) -> WireFormat:
        return self.route.wire

    @property
    def is_stream(self) -> bool:
        return self.request is not None and self.request.stream

    def ask(self, body: dict[str, Any]) -> None:
        """Take in what the body asks for. Raises ValueError where there is no model."""
        self.request = self.wire.request(body, self.route.model)
        self.body = body
        self.model = self.request.model

    def estimate(self) -> Estimate:
        """Tokens for an answer that does not report them, before any of it is seen.

        One in the background goes on where nobody looks, so its output is what was reserved for it.
        """
        if self.request is None:
            return Estimate(0, 0)
        return Estimate(self.request.input_tokens, self.request.max_output_tokens if self.request.background else 0)
