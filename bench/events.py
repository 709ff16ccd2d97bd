"""Write a log of made-up cost events: `python -m bench.events 1000000 path/to/cost_events.jsonl`.

The same seed gives the same events. They look like a company's traffic: busy and quiet hours of the day and week, a few
big teams, models by team, sessions, prompt templates, cache hits, downgrades, refusals, failures, and a model without a
price.
"""

import random
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from addons.ledger.events import rfc3339
from addons.ledger.money import to_decimal_text

# Model, provider, nano-USD per input token and per output token.
MODELS = [
    ("claude-sonnet-4-6", "anthropic", 3000, 15000),
    ("claude-haiku-4-5", "anthropic", 1000, 5000),
    ("claude-opus-4-6", "anthropic", 5000, 25000),
    ("gpt-4o", "openai", 2500, 10000),
    ("gpt-4o-mini", "openai", 150, 600),
    ("us.anthropic.claude-sonnet-4-6", "bedrock", 3000, 15000),
    ("my-deployment", "azure", None, None),
]
# Team, app, feature, indices of its two models in MODELS, whether it has customer tiers, share of the traffic.
WORKLOADS = [
    ("product", "chatbot", "chat", (0, 1), True, 20),
    ("product", "chatbot", "summary", (1, 4), True, 10),
    ("product", "search", "rerank", (4, 3), True, 15),
    ("product", "search", "answers", (3, 4), True, 8),
    ("ml-research", "evals", "judge", (0, 2), False, 10),
    ("ml-research", "training", "labels", (4, 1), False, 6),
    ("platform", "ci", "fix", (0, 2), False, 4),
    ("platform", "reviews", "review", (0, 5), False, 6),
    ("support", "triage", "classify", (1, 4), False, 9),
    ("support", "answers", "draft", (5, 3), True, 5),
    ("support", "answers", "translate", (4, 6), False, 3),
    ("", "", "", (1, 3), False, 4),
]
TIERS = ["free", "pro", "enterprise"]
WEIGHT_BY_HOUR = [1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 8, 9, 10, 10, 9, 7, 5, 4, 3, 2, 2, 1]


def lines(count: int, end: datetime, days: int = 90, seed: int = 1) -> Iterator[bytes]:
    """Yield lines without newlines, in order of time, over the `days` that lead up to `end`."""
    rng = random.Random(seed)
    hours = [end - timedelta(hours=n) for n in range(days * 24, 0, -1)]
    weights = [WEIGHT_BY_HOUR[hour.hour] * (0.3 if hour.weekday() > 4 else 1.0) for hour in hours]
    total = sum(weights)
    made = 0
    share = 0.0
    for hour, weight in zip(hours, weights, strict=True):
        share += weight / total * count
        number = int(share + 0.5) - made
        for n in range(number):
            yield orjson.dumps(event(rng, hour + timedelta(microseconds=3_600_000_000 * n // number)))
        made += number


def event(rng: random.Random, moment: datetime) -> dict[str, object]:
    number = rng.choices(range(len(WORKLOADS)), [workload[-1] for workload in WORKLOADS])[0]
    team, app, feature, models, has_tiers, _ = WORKLOADS[number]
    model, provider, price_in, price_out = MODELS[models[rng.random() < 0.3]]
    prompt = number * 10 + rng.choice((0, 0, 0, 1, 1, 2))
    tokens_in, tokens_out = int(rng.lognormvariate(6.5, 1)), int(rng.lognormvariate(5, 1))
    cost = None if price_in is None or price_out is None else tokens_in * price_in + tokens_out * price_out
    kind = rng.random()
    found: dict[str, object] = {
        "event_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "timestamp": rfc3339(moment),
        "event_type": "llm_api",
        "provider": provider,
        "model": model,
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "latency_ms": int(rng.lognormvariate(7, 0.6)),
        "status_code": 200,
        "is_streaming": rng.random() < 0.4,
        "cache_hit": False,
        "team": team,
        "app_id": app,
        "feature": feature,
        "customer_tier": rng.choice(TIERS) if has_tiers else "",
        "prompt_hash": f"{prompt * 7919:08x}",
        "system_prompt_tokens": 100 + prompt * 20,
        "user_prompt_tokens": rng.randrange(5, 500),
        "token_summary": f"in={tokens_in} out={tokens_out} cache_read=0 cache_write=0",
    }
    if rng.random() < 0.3:
        found["session_id"] = f"{app}-{moment:%m%d%H}-{rng.randrange(4)}"
        found["trace_id"] = f"{rng.getrandbits(64):016x}"
    if number % 3 == 0:
        found["prompt_template_id"] = f"{feature or 'other'}-v{prompt % 10}"
    if kind < 0.08 and cost is not None:
        found |= {"cache_hit": True, "is_streaming": False, "saved_usd": orjson.Fragment(to_decimal_text(cost))}
        cost = 0
    elif kind < 0.12 and model == "claude-haiku-4-5" and cost is not None:
        saved = tokens_in * 2000 + tokens_out * 10000
        found |= {"routed_from": "claude-sonnet-4-6", "routed_to": model, "routing_rule": "budget-downgrade"}
        found["saved_usd"] = orjson.Fragment(to_decimal_text(saved))
    elif kind < 0.14:
        refused = {"status_code": 429, "blocked_by": rng.choice(["budget", "rule"]), "error": "budget_exceeded"}
        found |= refused | {"input_tokens": 0, "output_tokens": 0, "is_streaming": False}
        cost = 0
    elif kind < 0.15:
        found |= {"status_code": 529, "error": "overloaded_error", "input_tokens": 0, "output_tokens": 0}
        cost = 0
    found["cost_usd"] = None if cost is None else orjson.Fragment(to_decimal_text(cost))
    return {name: value for name, value in found.items() if value != ""}


def main() -> None:
    count, path = int(sys.argv[1]), Path(sys.argv[2])
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines(count, datetime.now(UTC)))


if __name__ == "__main__":
    main()
