"""LLMCall: what one request on a tracked route is, and what became of it so far. Hung on the flow by Routing."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from addons.callers.attribution import Attribution
from addons.ledger.budgets import Standing
from addons.ledger.spend import Ticket
from addons.llm.denial import Denial
from addons.llm.providers import Provider, StreamMeter, WireFormat
from addons.llm.request import LLMRequest
from addons.llm.routes import Tracked
from addons.llm.usage import NOTHING, Estimate, Usage


class CallState(Enum):
    """How far a call has come. A state may be left out, but none comes back."""

    OPEN = auto()
    """Nothing of it has left the proxy, so it costs nothing."""
    SENT = auto()
    """It may have reached the provider, so it may cost something."""
    MEASURED = auto()
    """Its usage and its cost are known."""
    LOGGED = auto()
    """Its event has been written and its reservation given back."""


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
    budget_warning: str = ""
    """Text for the client when a budget is nearly spent, "" otherwise."""
    blocked_by: str = ""

    routed_from: str = ""
    routed_to: str = ""
    routing_rule: str = ""
    route_reason: str = ""
    """Text for the client: why the rule fired."""

    cache_key: bytes | None = None
    leads: bool = False
    """Whether identical requests wait for this one's answer."""
    cache_hit: bool = False
    saved_nanos: int | None = None

    state: CallState = CallState.OPEN
    meter: StreamMeter | None = None
    ttft_ms: int | None = None
    usage: Usage = NOTHING
    priced_usage: Usage = NOTHING
    """What `cost_nanos` is the price of: `usage` with its `extra` still apart."""
    model: str = ""
    """As billed; until measured, as asked for."""
    cost_nanos: int | None = 0
    error: str = ""

    @property
    def provider(self) -> Provider:
        return self.route.provider

    @property
    def wire(self) -> WireFormat:
        return self.route.wire

    @property
    def is_measured(self) -> bool:
        return self.state is CallState.MEASURED or self.state is CallState.LOGGED

    @property
    def is_logged(self) -> bool:
        return self.state is CallState.LOGGED

    @property
    def is_stream(self) -> bool:
        return self.request is not None and self.request.stream

    def deny(self, denial: Denial) -> None:
        """Note that the call is refused, and why."""
        self.error = denial.kind
        self.blocked_by = self.blocked_by or denial.blocked_by

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
