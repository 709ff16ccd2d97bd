"""List what families of models are known to refuse. This is data: `check.py` reads it.

A family takes what its line does not speak of, and nothing is known of a model that no line names: a downgrade is left
out only where the target is known to refuse the call. The sizes of contexts are in genai-prices' data, and not here.

Read on 2026-11-27, and compared with LiteLLM's model_prices_and_context_window.json of 2026-07-24; where sources
differ, the higher limit stands here.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from addons.llm.memoised import memoised
from addons.llm.model_limits.names import bare, undated


@dataclass(frozen=True, slots=True)
class Family:
    """Say what the models of one family refuse with a 400.

    Lists are words in a text. None means that it is not known.
    """

    names: str
    """The models: their names, with or without a date, or shell patterns."""
    source: str
    """Where this is documented, or was reported with the provider's own message."""
    max_output: int | None = None
    """The highest limit of the output that may be asked for, in tokens."""
    no_thinking: str = ""
    """The types of Anthropic's `thinking` that are refused."""
    efforts: str | None = None
    """The levels of effort that are accepted; "" where the parameter itself is refused."""
    formats: str | None = None
    """The types of response format that are accepted, besides `text`."""
    sampling: Literal["any", "default", "default_when_reasoning"] = "any"
    """Whether temperature, top_p and top_k may differ from their defaults."""
    no_forced_tools: bool = False
    """Whether `tool_choice` of the types `any` and `tool` is refused."""
    no_prefill: bool = False
    """Whether messages may not end with one of the assistant's."""
    no_max_tokens: bool = False
    """Whether chat completions refuse `max_tokens` and want `max_completion_tokens`."""
    chat_tools: Literal["any", "none", "without_reasoning"] = "any"
    """Whether chat completions take tools, or only with the effort `none`."""


_CLAUDE = "https://platform.claude.com/docs/en/"
_OPENAI = "https://developers.openai.com/api/docs/"
_CHAT_SDK = "openai 3.54, types/chat/completion_create_params.py; "
_JSON = "json_object json_schema"

_ALL_KINDS = "adaptive enabled between_tools"
_MANUAL = "adaptive between_tools"
_ADAPTIVE = "enabled between_tools"
_ALWAYS = "enabled disabled between_tools"
_UP_TO_HIGH = "low medium high"
_NO_XHIGH = "low medium high max"
_CLAUDE_EFFORTS = "low medium high xhigh max"
_GPT_5_2 = "none low medium high xhigh"
_GPT_5_6 = "none low medium high xhigh max"

# fmt: off
FAMILIES: tuple[Family, ...] = (
    # Anthropic. Thinking: _CLAUDE/build-with-claude/adaptive-thinking and .../thinking; effort: .../effort, whose head
    # lists the models; structured outputs (Claude 4.5 and later, and Opus 4.1): .../structured-outputs.
    Family("claude-3-haiku", _CLAUDE + "about-claude/models/overview",
           4_096, _ALL_KINDS, "", ""),
    Family("claude-3-5-haiku* claude-3-5-sonnet*", _CLAUDE + "about-claude/models/overview",
           8_192, _ALL_KINDS, "", ""),
    Family("claude-3-7-sonnet*", _CLAUDE + "about-claude/models/overview",
           128_000, _MANUAL, "", ""),
    Family("claude-sonnet-4-0 claude-sonnet-4 claude-4-sonnet", _CLAUDE + "models/overview",
           64_000, _MANUAL, "", ""),
    Family("claude-opus-4-0 claude-opus-4 claude-4-opus", _CLAUDE + "models/overview",
           32_000, _MANUAL, "", ""),
    Family("claude-opus-4-1", _CLAUDE + "models/overview",
           32_000, _MANUAL, ""),
    Family("claude-haiku-4-5", _CLAUDE + "models/overview; github.com/anthropics/claude-code/issues/30760 (effort);"
           " github.com/docker/docker-agent/issues/3362 (adaptive thinking)",
           64_000, _MANUAL, "", _JSON),
    Family("claude-sonnet-4-5", _CLAUDE + "models/sonnet-4-5/overview; github.com/askalf/dario/pull/273 (adaptive)",
           64_000, _MANUAL, "", _JSON),
    Family("claude-opus-4-5", _CLAUDE + "build-with-claude/effort; github.com/askalf/dario/pull/273 (adaptive)",
           64_000, _MANUAL, _UP_TO_HIGH, _JSON),
    Family("claude-sonnet-4-6", _CLAUDE + "models/sonnet-4-6/overview; " + _CLAUDE + "build-with-claude/effort",
           128_000, "between_tools", _NO_XHIGH, _JSON),
    Family("claude-opus-4-6", _CLAUDE + "build-with-claude/adaptive-thinking and build-with-claude/effort",
           128_000, "between_tools", _NO_XHIGH, _JSON),
    Family("claude-opus-4-7 claude-opus-4-8",
           "https://docs.aws.amazon.com/bedrock/latest/userguide/model-card-anthropic-claude-opus-4-7.html (thinking,"
           " output); github.com/tailcallhq/forgecode/pull/3418 (4.8, sampling)",
           128_000, _ADAPTIVE, _CLAUDE_EFFORTS, _JSON, "default"),
    Family("claude-sonnet-5", _CLAUDE + "models/sonnet-5/migration-guide",
           128_000, _ADAPTIVE, _CLAUDE_EFFORTS, _JSON, "default"),
    Family("claude-opus-5", _CLAUDE + "models/opus-5/migration-guide",
           128_000, "between_tools", _CLAUDE_EFFORTS, _JSON, "default", no_prefill=True),
    Family("claude-haiku-5-5", _CLAUDE + "models/haiku-5-5/migration-guide",
           128_000, "enabled", _CLAUDE_EFFORTS, _JSON, "default", no_prefill=True),
    Family("claude-sonnet-5-5", _CLAUDE + "models/sonnet-5-5/whats-new-sonnet-5-5",
           128_000, "enabled disabled", _CLAUDE_EFFORTS, _JSON, "default", no_forced_tools=True, no_prefill=True),
    Family("claude-opus-5-5", _CLAUDE + "models/opus-5-5/whats-new-opus-5-5",
           128_000, _ALWAYS, _CLAUDE_EFFORTS, _JSON, "default", no_forced_tools=True, no_prefill=True),
    Family("claude-fable-5-? claude-mythos-5-?", _CLAUDE + "models/opus-5-5/whats-new-opus-5-5 (the same holds here)",
           128_000, _ALWAYS, _CLAUDE_EFFORTS, _JSON, "default", no_forced_tools=True),
    Family("claude-fable-5 claude-mythos-5 claude-mythos-preview",
           "https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html",
           128_000, _ALWAYS, _CLAUDE_EFFORTS, _JSON, "default"),

    # OpenAI's models that do not reason: `reasoning_effort` and `reasoning` get "Unsupported parameter".
    Family("gpt-3.5-turbo*", _OPENAI + "models/gpt-3.5-turbo; " + _OPENAI + "guides/structured-outputs",
           4_096, efforts="", formats="json_object"),
    Family("gpt-4-turbo* gpt-4-*-preview", _OPENAI + "models/gpt-4-turbo; " + _OPENAI + "guides/structured-outputs",
           4_096, efforts="", formats="json_object"),
    Family("gpt-4 gpt-4-0* gpt-4-32k*", _OPENAI + "models/gpt-4; " + _OPENAI + "guides/structured-outputs",
           8_192, efforts="", formats=""),
    Family("gpt-4o-2024-05-13", _OPENAI + "models/gpt-4o; " + _OPENAI + "guides/structured-outputs",
           4_096, efforts="", formats="json_object"),
    Family("gpt-4o gpt-4o-mini chatgpt-4o-latest", _OPENAI + "models/gpt-4o and models/gpt-4o-mini;"
           " the message of the 400: github.com/enoch3712/ExtractThinker/issues/346 (output)",
           16_384, efforts="", formats=_JSON),
    Family("gpt-4.1 gpt-4.1-mini gpt-4.1-nano", _OPENAI + "models/gpt-4.1;"
           " the message of the 400: github.com/BoundaryML/baml/pull/2708 (effort)",
           32_768, efforts="", formats=_JSON),
    Family("gpt-5-chat-latest", _OPENAI + "models/gpt-5-chat-latest",
           16_384),

    # OpenAI's models that reason. Efforts: the docstring of ReasoningEffort in openai 2.x (gpt-5.1 and before), and the
    # models' pages.
    Family("o1-mini o1-preview", _CHAT_SDK + "https://community.openai.com/t/reasoning-effort-not-working/1144107",
           65_536, efforts="", formats="", sampling="default", no_max_tokens=True),
    Family("o1 o1-pro o3 o3-mini o3-pro o4-mini", _CHAT_SDK + _OPENAI + "models/o3;"
           " github.com/tarasglek/chatcraft.org/issues/852 (sampling)",
           100_000, efforts=_UP_TO_HIGH, formats=_JSON, sampling="default", no_max_tokens=True),
    Family("gpt-5-pro", _OPENAI + "models/gpt-5-pro",
           272_000, efforts="high", formats=_JSON, sampling="default", no_max_tokens=True),
    Family("gpt-5 gpt-5-mini gpt-5-nano", _OPENAI + "models/gpt-5; " + _OPENAI + "guides/latest-model",
           128_000, efforts="minimal low medium high", formats=_JSON, sampling="default", no_max_tokens=True),
    Family("gpt-5.1", _OPENAI + "models/gpt-5.1; the message of the 400: github.com/anomalyco/opencode/issues/4451",
           128_000, efforts="none low medium high", formats=_JSON, sampling="default_when_reasoning",
           no_max_tokens=True),
    Family("gpt-5.2 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.5", _OPENAI + "models/gpt-5.2, gpt-5.4 and gpt-5.5",
           128_000, efforts=_GPT_5_2, formats=_JSON, sampling="default_when_reasoning", no_max_tokens=True),
    Family("gpt-5.6 gpt-5.6-*", _OPENAI + "models/gpt-5.6-sol; github.com/anomalyco/opencode/issues/36141 (effort)",
           128_000, efforts=_GPT_5_6, formats=_JSON, sampling="default_when_reasoning", no_max_tokens=True),
    Family("gpt-6-sol gpt-6-luna", _OPENAI + "models/gpt-6-sol; " + _OPENAI + "guides/deployment-checklist (tools)",
           128_000, efforts=_GPT_5_6, formats=_JSON, sampling="default_when_reasoning", no_max_tokens=True,
           chat_tools="without_reasoning"),
    Family("gpt-6.1-sol", _OPENAI + "models/gpt-6.1-sol; " + _OPENAI + "guides/deployment-checklist (tools)",
           128_000, efforts=_CLAUDE_EFFORTS, formats=_JSON, sampling="default", no_max_tokens=True, chat_tools="none"),
    Family("gpt-6-astra", _OPENAI + "guides/deployment-checklist",
           sampling="default_when_reasoning", no_max_tokens=True, chat_tools="none"),
)
# fmt: on


@memoised(256)
def family_of(model: str) -> Family | None:
    """Return the first line that names the model, with or without its date, None where no line does."""
    names = bare(model), undated(model)
    for family in FAMILIES:
        for pattern in family.names.split():
            if any(fnmatchcase(name, pattern) for name in names):
                return family
    return None
