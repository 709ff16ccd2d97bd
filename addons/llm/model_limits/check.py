"""Tell why a model would refuse a request that was written for another one, and which parameters a request has."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from addons.llm.model_limits.families import Family, family_of

_FULL_CONTEXT = 0.9
"""The share of the context from which on a prompt counts as too long: its size in tokens is an estimate."""

# Where each provider's format has a parameter: Anthropic's Messages API, chat completions, the Responses API, and
# Bedrock's Converse, which takes a model's own parameters in additionalModelRequestFields.
_PATHS: dict[str, tuple[str, ...]] = {
    "thinking": ("thinking.type",),
    "effort": ("output_config.effort", "outputConfig.effort"),
    "reasoning": ("reasoning_effort", "reasoning.effort"),
    "response_format": (
        "output_config.format.type",
        "output_format.type",
        "response_format.type",
        "text.format.type",
        "outputConfig.textFormat.type",
    ),
    "max_tokens": ("max_completion_tokens", "max_output_tokens", "inferenceConfig.maxTokens", "max_tokens"),
    "temperature": ("temperature", "inferenceConfig.temperature"),
    "top_p": ("top_p", "inferenceConfig.topP"),
    "top_k": ("top_k",),
    "tool_choice": ("tool_choice.type", "tool_choice", "toolConfig.toolChoice"),
    "tools": ("tools", "toolConfig.tools"),
}
_KEYS = {name: tuple(tuple(path.split(".")) for path in paths) for name, paths in _PATHS.items()}
_OWN_FIELDS = "additionalModelRequestFields"

Body = Mapping[str, Any]


def why_refused(target: str, body: Body, input_tokens: int, window: int | None) -> str:
    """Return the parameter for which the model is known to refuse the body, "" where it is not known to refuse it.

    `input_tokens` is the estimated size of the prompt, and `window` that of the model's context, None if not known.
    """
    if family := family_of(target):
        for reason, refuses in _CHECKS.items():
            if refuses(family, body):
                return reason
    return "context" if window and input_tokens > _FULL_CONTEXT * window else ""


def shape(body: Body) -> tuple[str, ...]:
    """Return the names of the parameters that the body has, out of those that some models refuse."""
    found = [name for name in _PATHS if _value(body, name) is not None]
    return (*found, "reasoning") if "reasoning" not in found and _reasons(body) else tuple(found)


def _values(body: Body, name: str) -> Iterator[Any]:
    own = body.get(_OWN_FIELDS)
    for part in (body, own) if isinstance(own, dict) else (body,):
        for keys in _KEYS[name]:
            value: Any = part
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                yield value


def _value(body: Body, name: str) -> Any:
    """Return what the body says for a parameter, None where it does not have it."""
    return next(_values(body, name), None)


def _text(body: Body, name: str) -> str:
    value = _value(body, name)
    return value if isinstance(value, str) else ""


def _reasons(body: Body) -> bool:
    """Return whether the body has what only models that reason take: the parameter, or reasoning of earlier turns."""
    asked, include, turns = (body.get(name) for name in ("reasoning", "include", "input"))
    return (
        (isinstance(asked, dict) and any(value is not None for value in asked.values()))
        or (isinstance(include, list) and "reasoning.encrypted_content" in include)
        or (isinstance(turns, list) and any(isinstance(i, dict) and i.get("type") == "reasoning" for i in turns))
    )


def _thinking(family: Family, body: Body) -> bool:
    return _text(body, "thinking") in family.no_thinking.split()


def _level(name: str) -> Callable[[Family, Body], bool]:
    def refuses(family: Family, body: Body) -> bool:
        level = _text(body, name)
        return bool(level) and family.efforts is not None and level not in family.efforts.split()

    return refuses


def _reasoning(family: Family, body: Body) -> bool:
    return _level("reasoning")(family, body) or (family.efforts == "" and _reasons(body))


def _response_format(family: Family, body: Body) -> bool:
    kind = _text(body, "response_format")
    return kind not in ("", "text") and family.formats is not None and kind not in family.formats.split()


def _max_tokens(family: Family, body: Body) -> bool:
    asked = _value(body, "max_tokens")
    is_too_much = type(asked) is int and family.max_output is not None and asked > family.max_output
    return is_too_much or (family.no_max_tokens and _is_chat(body) and body.get("max_tokens") is not None)


def _sampling(family: Family, body: Body) -> bool:
    if family.sampling == "any":
        return False
    if family.sampling == "default_when_reasoning" and _text(body, "reasoning") in ("", "none"):
        return False  # where no effort is asked for, the default one decides, and some models' is none
    return _value(body, "top_k") is not None or any(
        _value(body, name) not in (None, 1) for name in ("temperature", "top_p")
    )


def _tool_choice(family: Family, body: Body) -> bool:
    choice = _value(body, "tool_choice")  # Converse names the kind by a member's name
    kinds = {choice} if isinstance(choice, str) else set(choice) if isinstance(choice, dict) else set()
    return family.no_forced_tools and not kinds.isdisjoint(("any", "tool"))


def _prefill(family: Family, body: Body) -> bool:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return family.no_prefill and isinstance(last, dict) and last.get("role") == "assistant"


def _tools(family: Family, body: Body) -> bool:
    if family.chat_tools == "any" or not _is_chat(body) or not body.get("tools"):
        return False
    return family.chat_tools == "none" or _text(body, "reasoning") != "none"


def _is_chat(body: Body) -> bool:
    return "messages" in body


_CHECKS: dict[str, Callable[[Family, Body], bool]] = {
    "thinking": _thinking,
    "effort": _level("effort"),
    "reasoning": _reasoning,
    "response_format": _response_format,
    "max_tokens": _max_tokens,
    "sampling": _sampling,
    "tool_choice": _tool_choice,
    "prefill": _prefill,
    "tools": _tools,
}
"""How to find out whether a family refuses a body, by the reason under which that is counted."""
