"""Tell whether an upstream refused a stream because of the `stream_options` that the proxy had added to it.

The option is then not added there again for a while, so that the client's next try works.
"""

from typing import NamedTuple

SECONDS = 3600
"""How long a refusal is remembered."""
MOST = 1000
"""How many refusals are remembered: clients may ask for any number of models."""

_REFUSED = frozenset({400, 422})
"""The statuses for a field that the upstream does not know: OpenAI's, and that of FastAPI's validation."""
_OPTION = "stream_options"


class Upstream(NamedTuple):
    """Name where a stream comes from, and its model: one may take `stream_options` for some of its models only."""

    provider: str
    base_url: str
    """The URL that the path was appended to; "" where the provider decides."""
    host: str
    port: int
    model: str


def may_be_refusal(status: int, answer: object) -> bool:
    """Return whether an answer may be the refusal of `stream_options`: one whose error names no other parameter.

    OpenAI's errors name the parameter that they are about in `param`; those of many other servers name none.
    """
    return status in _REFUSED and _parameter(answer).startswith(_OPTION)


def _parameter(answer: object) -> str:
    """Return the parameter that an error is about; the option where it does not say."""
    error = answer.get("error") if isinstance(answer, dict) else None
    name = error.get("param") if isinstance(error, dict) else None
    return name if isinstance(name, str) and name else _OPTION
