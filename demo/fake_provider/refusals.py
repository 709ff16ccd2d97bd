"""Refuse what real models refuse, in their words, where `Reply.strict` asks for it.

Seen and reported: Haiku 4.5 refuses adaptive thinking and effort, Opus 4.7 and Sonnet 5 refuse thinking with a budget.
"""

from collections.abc import Mapping
from typing import Any

_NO_ADAPTIVE = "adaptive thinking is not supported on this model"
_NO_EFFORT = "This model does not support the effort parameter."
_NO_BUDGET = (
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"'
    " to control thinking behavior."
)


def refusal(model: str, body: Mapping[str, Any]) -> str:
    """Return the message with which the model refuses the body, "" where it takes it."""
    thinking, config = body.get("thinking"), body.get("output_config")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if "haiku-4-5" in model and kind == "adaptive":
        return _NO_ADAPTIVE
    if "haiku-4-5" in model and isinstance(config, dict) and config.get("effort"):
        return _NO_EFFORT
    if ("opus-4-7" in model or model.endswith("sonnet-5")) and kind == "enabled":
        return _NO_BUDGET
    return ""
