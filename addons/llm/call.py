"""Hold the state of a call: what was asked for, and what became of it so far. Routing attaches it to the flow."""

import time
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar

from addons.callers.attribution import Attribution
from addons.callers.keys import Key
from addons.ledger.budgets import Standing
from addons.ledger.events import new_event_id
from addons.ledger.spend import Ticket
from addons.llm.answers import Answer
from addons.llm.denial import Denial
from addons.llm.model_limits.memory import Downgrade
from addons.llm.paths.table import PathClass
from addons.llm.providers import Provider, StreamMeter, WireFormat
from addons.llm.request import LLMRequest
from addons.llm.routes import Tracked
from addons.llm.usage import NOTHING, Estimate, Usage

CALL_HEADER = "X-ModelTrack-Call"
"""The header by which an answer names the event of its call."""


class CallState(Enum):
    """Tell how far a call has come. A call may skip a state, but never goes back to an earlier one."""

    OPEN = auto()
    """Nothing of the call has left the proxy, so it costs nothing."""
    SENT = auto()
    """The call may have reached the provider, so it may cost something."""
    MEASURED = auto()
    """The call's usage and cost are known."""
    LOGGED = auto()
    """The call's event has been written, and its reservation has been settled."""


@dataclass(slots=True)
class UntrackedCall:
    """Hold the state of a request that is forwarded but not metered, such as a request for the list of models."""

    provider: Provider
    attribution: Attribution
    path_class: PathClass
    started: float
    """When the request came, in seconds of the monotonic clock."""
    key: Key | None = None
    """The caller's key of keys.json."""
    sign_for: str = ""
    """The AWS service that the proxy signs the request for; "" where it is forwarded as it came."""
    is_signed: bool = False
    """Whether the proxy has signed the request."""
    replayed: bool = False
    blocked_by: str = ""
    error: str = ""
    event_id: str = field(default_factory=new_event_id)
    """The id of its event, which the answer names before the event is written."""
    is_logged: bool = False
    """Whether its event has been written. Only one that may cost money has an event."""

    wire: ClassVar[WireFormat | None] = None
    """The format of its errors: the one for when none is known."""

    @property
    def may_cost(self) -> bool:
        """Return whether it may cost money, which nobody can tell."""
        return self.path_class.may_cost

    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def deny(self, denial: Denial) -> None:
        """Record that the call is refused, and why."""
        self.error = denial.kind
        self.blocked_by = self.blocked_by or denial.blocked_by


@dataclass(slots=True)
class LLMCall:
    """Hold the state of one use of a model, from the headers of the request until its event is in the log."""

    route: Tracked
    base_url: str
    """The URL that the path is appended to; "" where the provider decides."""
    attribution: Attribution
    started: float
    """When the call began, in seconds of the monotonic clock."""
    key: Key | None = None
    """The caller's key of keys.json."""
    signs: bool = False
    """Whether the proxy signs the request to Bedrock for a caller with a key."""
    no_cache: bool = False
    no_route: bool = False
    """Whether the client asked to keep its model, whatever the model rules say."""

    event_id: str = field(default_factory=new_event_id)
    """The id of the call's event, which the answer names before the event is written."""
    request: LLMRequest | None = None
    """The request as read from the body; None until then, and if the body could not be read."""
    body: dict[str, Any] = field(default_factory=dict)
    """The parsed body. It is emptied once the request has been sent: what is needed later is in `request`."""
    is_shortened: bool = False
    """Whether the long strings of `body` have a mark in place of their middle: see llm/parsing/long_strings.py."""
    fixed: str = ""
    """Why the request must not be changed: compressed_body or signed_request; "" where it may be changed."""
    adds_stream_usage: bool = False
    """Whether the stream reports its usage because the proxy asked for it, and not the client."""

    standings: list[Standing] = field(default_factory=list)
    """Where the budgets that cover the call stood when it was admitted."""
    ticket: Ticket | None = None
    """The handle of the call's reservation."""
    budget_warning: str = ""
    """The warning for the client where a budget is nearly spent, "" otherwise."""
    blocked_by: str = ""
    """The part of the configuration that refused the call: see `Denial.blocked_by`."""

    routed_from: str = ""
    """The model that was asked for, where a model rule replaced it."""
    routed_to: str = ""
    """The model that a model rule put in its place."""
    routing_rule: str = ""
    """The name of the model rule that fired."""
    route_reason: str = ""
    """The reason, for the client, why the model rule fired."""
    downgrade: Downgrade | None = None
    """What the model rule did, to be remembered if the provider refuses it."""

    text: bytes = b""
    """The JSON text of the body as it came, without compression; the cache needs it, and drops it."""
    cache_key: bytes | None = None
    leads: bool = False
    """Whether identical requests wait for the answer to this one."""
    cache_hit: bool = False
    replayed: bool = False
    """Whether it is a recorded call that was sent again, from mitmweb or mitmproxy."""
    answered_locally: bool = False
    """Whether another addon answered, such as mitmproxy's `map_local`, so that the provider was not asked."""
    saved_nanos: int | None = None
    """Nano-USD that the cache or a model rule saved."""

    state: CallState = CallState.OPEN
    sent: float = 0.0
    """When the call was ready to be sent, in seconds of the monotonic clock; 0.0 before."""
    ran_tokens: int = 0
    """The output that the model usually makes in the time that the call ran, for a call that the proxy ended."""
    answer: Answer | None = None
    """What was read of an answer in one piece, where that is done before the call is measured."""
    meter: StreamMeter | None = None
    ttft_ms: int | None = None
    """Time to the first token, in milliseconds."""
    usage: Usage = NOTHING
    priced_usage: Usage = NOTHING
    """The usage that `cost_nanos` is the price of. It keeps its `extra` apart, which the counts of `usage` include."""
    model: str = ""
    """The model that is billed; until the call is measured, the model that was asked for."""
    cost_nanos: int | None = 0
    """Nano-USD; None where the price is not known."""
    error: str = ""
    """The type of the error that the call ended with, "" where there was none."""

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

    @property
    def most_output(self) -> int:
        """Return the limit on the output, in tokens; 0 where the request could not be read."""
        return self.request.max_output_tokens if self.request else 0

    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def deny(self, denial: Denial) -> None:
        """Record that the call is refused, and why."""
        self.error = denial.kind
        self.blocked_by = self.blocked_by or denial.blocked_by

    def ask(self, body: dict[str, Any]) -> None:
        """Read what the body asks for. Raises ValueError where no model is named."""
        self.request = self.wire.request(body, self.route.model)
        self.body = body
        self.model = self.request.model
        self.no_cache = self.no_cache or self.request.prewarm  # an answer from here would warm nothing

    def estimate(self) -> Estimate:
        """Return the tokens to assume for an answer that does not report them, before any of it has arrived.

        The proxy does not see an answer that is made in the background, so its output is assumed to be all that was
        reserved. A call that was ended here may have made what the model makes in that time, in each of its choices.
        """
        request = self.request
        if request is None:
            return Estimate(0, 0)
        if request.background:
            return Estimate(request.input_tokens, request.max_output_tokens)
        made, is_limited = self.ran_tokens * request.choices, request.limits_output or request.prewarm
        return Estimate(request.input_tokens, min(made, request.max_output_tokens) if is_limited else made)
