"""Make random logs for hypothesis: every field, hits, refusals, downgrades, unknown prices, machines.

The lines are in any order; some come twice, and some are not events.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import strategies as st

from modeltrack_api.store.sums import Filters
from modeltrack_api.utc import Window, micros
from tests.modeltrack_api.queries.asking import money
from tests.modeltrack_api.queries.log import PARTS

FIRST = datetime(2026, 3, 26, tzinfo=UTC)
DAYS = 12
"""The days of the events: across the end of a month, up to four days after asking.NOW."""

_HOUR = 3_600_000_000
TEAMS = ("", "product", "Ünïcode 团队", "a,b")
APPS = ("", "chat", "ci")
MODELS = (("anthropic", "claude-sonnet-4-6"), ("openai", "gpt-4o"), ("bedrock", "gpt-4o"), ("azure", "mine"))
FEATURES = ("", "sum'mary", "judge")
TIERS = ("", "pro", "free")
USERS = ("", "ann", "Ännchen, 团队")
KEYS = ("", "product-1", "ci")
SESSIONS = ("", "s1", "s2", "séance")
TRACES = ("", "t1", "t2")

moments = st.one_of(
    st.integers(0, DAYS * 24 * _HOUR - 1),
    st.builds(lambda hour, off: max(hour * _HOUR + off, 0), st.integers(0, DAYS * 24 - 1), st.sampled_from((-1, 0, 1))),
)
"""Microseconds after FIRST, often at the edge of an hour."""

nanos = st.one_of(st.integers(0, 10**12), st.integers(0, 3))
_tokens = st.integers(0, 10**6)


def _timestamp(offset: int, zone: str) -> str:
    moment = FIRST + timedelta(microseconds=offset)
    if zone == "Z":
        return moment.isoformat().replace("+00:00", "Z")
    return (moment + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"


def _kept(members: dict[str, Any]) -> bytes:
    """Return the line as the log has it: without empty members."""
    return orjson.dumps({name: value for name, value in members.items() if value != ""})


@st.composite
def calls(draw: st.DrawFn) -> bytes:
    provider, model = draw(st.sampled_from(MODELS))
    kind = draw(st.sampled_from(("plain", "plain", "hit", "refused", "by_rule", "routed", "failed", "unpriced")))
    tokens = [0] * 4 if kind in ("refused", "by_rule", "failed") else draw(st.lists(_tokens, min_size=4, max_size=4))
    counts = dict(
        zip(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), tokens, strict=True)
    )
    cost = {"unpriced": None, "hit": 0, "refused": 0, "by_rule": 0, "failed": 0}.get(kind, draw(nanos))
    members: dict[str, Any] = {
        "event_id": str(draw(st.uuids(version=4))),
        "timestamp": _timestamp(draw(moments), draw(st.sampled_from(("Z", "+02:00")))),
        "event_type": "llm_api",
        "provider": provider,
        "model": model,
        **counts,
        "cost_usd": money(cost),
        "latency_ms": draw(st.integers(0, 10**5)),
        "status_code": 429 if kind in ("refused", "by_rule") else 200,
        "is_streaming": draw(st.booleans()) if kind != "hit" else False,
        "cache_hit": kind == "hit",
        "app_id": draw(st.sampled_from(APPS)),
        "team": draw(st.sampled_from(TEAMS)),
        "feature": draw(st.sampled_from(FEATURES)),
        "customer_tier": draw(st.sampled_from(TIERS)),
        "user": draw(st.sampled_from(USERS)),
        "key_id": draw(st.sampled_from(KEYS)),
        "session_id": draw(st.sampled_from(SESSIONS)),
        "trace_id": draw(st.sampled_from(TRACES)),
        "prompt_hash": draw(st.sampled_from(("", "0a1b2c3d", "ffffffff"))),
        "prompt_template_id": draw(st.sampled_from(("", "", "t-v1"))),
        "system_prompt_tokens": draw(st.integers(0, 9000)),
        "user_prompt_tokens": draw(st.integers(0, 500)),
        "token_summary": "in={} out={} cache_read={} cache_write={}".format(*tokens),
    }
    if draw(st.booleans()):
        members["ttft_ms"] = draw(st.integers(0, 10**4))
    if kind == "hit":
        members["saved_usd"] = money(draw(nanos))
    if kind == "routed" or (kind == "hit" and draw(st.booleans())):
        members |= {"routed_from": "dear", "routed_to": model, "routing_rule": draw(st.sampled_from(("r1", "r2")))}
        members.setdefault("saved_usd", money(draw(nanos)))
    if kind in ("refused", "by_rule"):
        by = "rule" if kind == "by_rule" else draw(st.sampled_from(("budget", "unknown_model")))
        members |= {"blocked_by": by, "error": "budget_exceeded", "routing_rule": "r1" if by == "rule" else ""}
    if kind == "failed":
        members["error"] = "overloaded_error"
    if draw(st.integers(0, 9)) == 0:
        members["usage_estimated"] = True
    if kind != "refused" and draw(st.integers(0, 3)) == 0:
        members |= {kind: draw(st.integers(1, 1000)) for kind in draw(st.sets(st.sampled_from(PARTS)))}
    if kind in ("plain", "hit") and draw(st.integers(0, 5)) == 0:
        members["unpriced_usage"] = ["usage.audio_tokens", "usage.searches"]
    if kind in ("hit", "routed") and draw(st.integers(0, 5)) == 0:
        del members["saved_usd"]
    return _kept(members)


@st.composite
def machines(draw: st.DrawFn) -> bytes:
    is_gpu = draw(st.booleans())
    members: dict[str, Any] = {
        "event_id": str(draw(st.uuids(version=5))),
        "timestamp": _timestamp(draw(moments), "Z"),
        "event_type": "gpu_compute" if is_gpu else "aws_infrastructure",
        "provider": "aws",
        "cost_usd": money(draw(st.none() | nanos)),
        "team": draw(st.sampled_from(TEAMS)),
        "service": draw(st.sampled_from(("AmazonEC2", "Kubernetes", ""))),
        "resource_id": draw(st.sampled_from(("i-1", "i-2", ""))),
    }
    if is_gpu:
        members |= {"gpu_type": draw(st.sampled_from(("A100", "H100", ""))), "gpu_count": draw(st.integers(1, 8))}
        if draw(st.booleans()):
            percent = draw(st.integers(0, 10000))
            members["gpu_utilization_pct"] = orjson.Fragment(
                f"{percent / 100}" if percent % 100 else f"{percent // 100}"
            )
    return _kept(members)


_junk = st.sampled_from((b"", b"{", b"[1]", b'{"event_id": "x"}', b'{"event_id": "x", "timestamp": "soon"}'))


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    lines = draw(st.lists(calls(), max_size=40)) + draw(st.lists(machines(), max_size=8))
    again = draw(st.lists(st.sampled_from(lines), max_size=5)) if lines else []
    return draw(st.permutations(lines + again + draw(st.lists(_junk, max_size=3))))


@st.composite
def windows(draw: st.DrawFn) -> Window | None:
    if draw(st.integers(0, 3)) == 0:
        return None
    start, end = sorted((draw(moments), draw(moments)))
    first = micros(FIRST)
    open_start, open_end = draw(st.sampled_from(((False, False), (True, False), (False, True), (False, False))))
    return Window(0 if open_start else first + start, Window().end if open_end else first + end)


def _maybe(values: tuple[str, ...]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.none(), st.none(), st.sampled_from((*values, "nobody")))


filters = st.builds(
    Filters,
    team=_maybe(TEAMS),
    app_id=_maybe(APPS),
    model=_maybe(tuple(model for _, model in MODELS)),
    feature=_maybe(FEATURES),
    customer_tier=_maybe(TIERS),
    provider=_maybe(("openai", "aws")),
    user=_maybe(USERS),
    key_id=_maybe(KEYS),
)
