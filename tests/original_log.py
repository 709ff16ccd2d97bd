"""A log as the original ModelTrack wrote it (a Go program's JSON), and the same events in our form.

It has no `event_type`, nanoseconds with their zeros cut off, costs as floats of any length, and no `cache_hit` but for
hits. One line has a time zone, and there the month of the place is not that of UTC.
"""

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

MONTH = (2026, 3)
"""All its events are of this month, in UTC."""

ORIGINAL = rb"""
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f01","timestamp":"2026-03-01T12:00:00.123456789Z","provider":"anthropic","model":"claude-sonnet-4-6","input_tokens":1020,"output_tokens":226,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":0.0064500000000000004,"latency_ms":1834,"status_code":200,"is_streaming":true,"app_id":"chatbot","team":"product","feature":"chat","customer_tier":"pro","session_id":"s-1","trace_id":"t-1","token_summary":"in=1020 out=226 cache_read=0 cache_write=0","prompt_hash":"9f86d081","system_prompt_tokens":310,"user_prompt_tokens":41}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f02","timestamp":"2026-03-01T12:00:07.5Z","provider":"anthropic","model":"claude-sonnet-4-6","input_tokens":0,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":0,"latency_ms":0,"status_code":200,"is_streaming":false,"app_id":"chatbot","team":"product","feature":"chat","customer_tier":"pro","session_id":"s-1","trace_id":"t-2","cache_hit":true,"token_summary":"cache_hit=true","prompt_hash":"9f86d081","system_prompt_tokens":310,"user_prompt_tokens":41}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f03","timestamp":"2026-03-02T00:00:00Z","provider":"openai","model":"gpt-4o-mini","input_tokens":823,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":0.00012345678,"latency_ms":204,"status_code":200,"is_streaming":false,"app_id":"search","team":"product","routed_from":"gpt-4o","routed_to":"gpt-4o-mini","routing_rule":"openai-budget-downgrade","token_summary":"in=823 out=0 cache_read=0 cache_write=0"}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f04","timestamp":"2026-03-02T00:00:00.000000001Z","provider":"openai","model":"gpt-4o-mini","input_tokens":3,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":4.5e-7,"latency_ms":180,"status_code":200,"is_streaming":false,"team":"r\u0026d","token_summary":"in=3 out=0 cache_read=0 cache_write=0","prompt_template_id":"triage-v2","user_prompt_tokens":3}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f05","timestamp":"2026-03-17T08:30:01.02Z","provider":"bedrock","model":"anthropic.claude-sonnet-4-6","input_tokens":150000,"output_tokens":120000,"cache_read_tokens":2000,"cache_write_tokens":1000,"cost_usd":2.2543500000000005,"latency_ms":63117,"status_code":200,"is_streaming":true,"app_id":"evals","team":"ml-research","session_id":"s-2","token_summary":"in=150000 out=120000 cache_read=2000 cache_write=1000"}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f06","timestamp":"2026-03-17T08:31:00.000000010Z","provider":"azure","model":"my-deployment","input_tokens":12,"output_tokens":30,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":0,"latency_ms":402,"status_code":200,"is_streaming":false,"token_summary":"in=12 out=30 cache_read=0 cache_write=0"}
{"event_id":"4bb4dc1c-63e4-4b5e-9f0f-8f1d8a2a7f07","timestamp":"2026-04-01T01:30:00.987654321+02:00","provider":"anthropic","model":"claude-haiku-4-5","input_tokens":7,"output_tokens":1,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":0.0000025,"latency_ms":90,"status_code":529,"is_streaming":false,"app_id":"evals","team":"ml-research","token_summary":"in=7 out=1 cache_read=0 cache_write=0"}
{"event_id":"opencost-ml-trainer-trainer-0-1773736200000000000","timestamp":"2026-03-17T08:30:00Z","event_type":"gpu_compute","provider":"kubernetes","model":"","service":"gpu","input_tokens":0,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,"cost_usd":3.0600000000000005,"latency_ms":0,"status_code":0,"is_streaming":false,"team":"ml-research","token_summary":"","gpu_type":"NVIDIA-A100","namespace":"ml","pod_name":"trainer-0","job_name":"trainer"}
""".strip().splitlines()  # noqa: E501

SPENT = {
    ("product", ""): 6_573_457,
    ("product", "chatbot"): 6_450_000,
    ("product", "search"): 123_457,
    ("r&d", ""): 450,
    ("ml-research", ""): 2_254_352_500,
    ("ml-research", "evals"): 2_254_352_500,
}
"""Nano-USD of calls by account, added up by hand."""


def in_our_form(line: bytes) -> bytes:
    """Write the event as our proxy or collector would: a type, microseconds in UTC, exact costs."""
    event: dict[str, Any] = json.loads(line, parse_float=Decimal)
    nanos = (Decimal(event["cost_usd"]) * 10**9).to_integral_value(ROUND_HALF_EVEN)
    moment = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
    written = {
        "event_type": "llm_api",
        **event,
        "timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "cost_usd": "COST",
        "cache_hit": event.get("cache_hit", False),
    }
    return json.dumps(written).replace('"COST"', format(nanos.scaleb(-9), ".9f")).encode()


OURS = [in_our_form(line) for line in ORIGINAL]
