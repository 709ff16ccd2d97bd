"""The table of what clients send anyway that says who a call is for, with the document that says so for each."""

from addons.callers.sources import Label, Source, Sources, anthropic_session, anthropic_user, trace_id

_CLAUDE_CODE = "https://code.claude.com/docs/en/llm-gateway-protocol"
_CODEX = "https://github.com/openai/codex/blob/main/codex-rs/codex-api/src/requests/headers.rs"
_OPENCODE = "https://docs.nvidia.com/dynamo/dev/agents/session-i-ds"
_LITELLM = "https://docs.litellm.ai/docs/proxy/request_headers"
_PORTKEY = "https://portkey.ai/docs/product/observability/metadata"
_HELICONE = "https://docs.helicone.ai/helicone-headers/header-directory"

_NAMED_AS_HERE: tuple[Label, ...] = ("team", "app", "feature", "customer_tier")
"""Labels that are taken from what a gateway's users name themselves, where they chose the same name."""


def _litellm() -> list[Source]:
    header, tags = "x-litellm-spend-logs-metadata", "x-litellm-tags"
    return [
        Source(label="user", header="x-litellm-customer-id", client="LiteLLM", origin=_LITELLM),
        Source(label="user", header="x-litellm-end-user-id", client="LiteLLM", origin=_LITELLM),
        Source(label="user", header=header, json="user_id", client="LiteLLM", origin=_LITELLM),
        *(Source(label=x, header=header, json=x, client="LiteLLM", origin=_LITELLM) for x in _NAMED_AS_HERE),
        *(Source(label=x, header=tags, tag=x, client="LiteLLM", origin=_LITELLM) for x in _NAMED_AS_HERE),
        Source(label="session_id", header="x-litellm-session-id", client="LiteLLM", origin=_LITELLM),
        Source(label="trace_id", header="x-litellm-trace-id", client="LiteLLM", origin=_LITELLM),
    ]


def _portkey() -> list[Source]:
    header = "x-portkey-metadata"
    return [
        Source(label="user", header=header, json="_user", client="Portkey", origin=_PORTKEY),
        Source(label="session_id", header=header, json="session_id", client="Portkey", origin=_PORTKEY),
        *(Source(label=x, header=header, json=x, client="Portkey", origin=_PORTKEY) for x in _NAMED_AS_HERE),
        Source(label="trace_id", header="x-portkey-trace-id", client="Portkey", origin=_PORTKEY),
    ]


def _helicone() -> list[Source]:
    named = [
        Source(label=label, header=f"helicone-property-{spelling}", client="Helicone", origin=_HELICONE)
        for label in _NAMED_AS_HERE
        for spelling in dict.fromkeys((label.replace("_", "-"), label, label.replace("_", "")))
    ]
    return [
        Source(label="user", header="helicone-user-id", client="Helicone", origin=_HELICONE),
        Source(label="session_id", header="helicone-session-id", client="Helicone", origin=_HELICONE),
        Source(label="prompt_template", header="helicone-prompt-id", client="Helicone", origin=_HELICONE),
        *named,
    ]


def _bodies() -> list[Source]:
    openai = "https://platform.openai.com/docs/api-reference/responses/create"
    anthropic, field = "https://platform.claude.com/docs/en/api/messages", "metadata.user_id"
    return [
        Source(label="user", body="safety_identifier", family="openai", client="OpenAI's API", origin=openai),
        Source(label="user", body="user", family="openai", client="OpenAI's API", origin=openai),
        Source(
            label="user",
            body=field,
            form=anthropic_user,
            family="anthropic",
            client="Anthropic's API",
            origin=anthropic,
        ),
        Source(
            label="session_id",
            body=field,
            form=anthropic_session,
            family="anthropic",
            client="Claude Code",
            origin=_CLAUDE_CODE,
        ),
    ]


TABLE = (
    Source(label="session_id", header="x-claude-code-session-id", client="Claude Code", origin=_CLAUDE_CODE),
    Source(label="session_id", header="session-id", client="Codex", origin=_CODEX),
    Source(label="session_id", header="session_id", client="Codex, older ones", origin=_CODEX),
    Source(label="session_id", header="x-session-id", client="opencode", origin=_OPENCODE),
    *_litellm(),
    *_portkey(),
    *_helicone(),
    Source(
        label="trace_id",
        header="traceparent",
        form=trace_id,
        client="OpenTelemetry",
        origin="https://www.w3.org/TR/trace-context/",
    ),
    *_bodies(),
)
"""The sources in their order. Gateways' come before `traceparent`, which tools for tracing add unasked."""

SOURCES = Sources(TABLE)

GATEWAYS = {"litellm": "x-litellm-", "portkey": "x-portkey-", "helicone": "helicone-"}
"""How the names of the headers begin that clients send to other gateways: labels, switches and keys."""
