"""Say how to use a key with each client, of which the environment variable MODELTRACK_KEY has it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from addons.callers.keys import Key

VARIABLE = "MODELTRACK_KEY"


class Recipe(NamedTuple):
    title: str
    provider: str
    text: str
    models: Sequence[str]
    """Models for an example, of which the first that the key may ask for is taken."""


_CLAUDES = ("claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-6")
_GPTS = ("gpt-4o-mini", "gpt-4o", "gpt-5")
_ON_BEDROCK = ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-sonnet-4-6")

RECIPES = (
    Recipe(
        "curl: Anthropic",
        "anthropic",
        """\
curl @URL/v1/messages \\
  -H "x-api-key: $MODELTRACK_KEY" -H "anthropic-version: 2023-06-01" -H "Content-Type: application/json" \\
  -d '{"model": "@MODEL", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}'""",
        _CLAUDES,
    ),
    Recipe(
        "curl: OpenAI",
        "openai",
        """\
curl @URL/v1/chat/completions \\
  -H "Authorization: Bearer $MODELTRACK_KEY" -H "Content-Type: application/json" \\
  -d '{"model": "@MODEL", "messages": [{"role": "user", "content": "Hello"}]}'""",
        _GPTS,
    ),
    Recipe(
        "Anthropic's SDK (Python)",
        "anthropic",
        """\
anthropic.Anthropic(base_url="@URL", api_key=os.environ["MODELTRACK_KEY"])""",
        _CLAUDES,
    ),
    Recipe(
        "OpenAI's SDK (Python)",
        "openai",
        """\
openai.OpenAI(base_url="@URL/v1", api_key=os.environ["MODELTRACK_KEY"])""",
        _GPTS,
    ),
    Recipe(
        "Claude Code",
        "anthropic",
        """\
export ANTHROPIC_BASE_URL=@URL ANTHROPIC_AUTH_TOKEN="$MODELTRACK_KEY\"""",
        _CLAUDES,
    ),
    Recipe(
        "Codex, in ~/.codex/config.toml",
        "openai",
        """\
model_provider = "modeltrack"

[model_providers.modeltrack]
name = "ModelTrack"
base_url = "@URL/v1"
wire_api = "responses"
env_key = "MODELTRACK_KEY\"""",
        _GPTS,
    ),
    Recipe(
        "curl: Bedrock",
        "bedrock",
        """\
curl @URL/bedrock/model/@MODEL/converse \\
  -H "Authorization: Bearer $MODELTRACK_KEY" -H "Content-Type: application/json" \\
  -d '{"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}'""",
        _ON_BEDROCK,
    ),
    Recipe(
        "curl: Azure",
        "azure",
        """\
curl @URL/azure/v1/chat/completions \\
  -H "api-key: $MODELTRACK_KEY" -H "Content-Type: application/json" \\
  -d '{"model": "@MODEL", "messages": [{"role": "user", "content": "Hello"}]}'""",
        _GPTS,
    ),
)


def recipes_for(key: Key, url: str) -> str:
    """Return how to use a key with the clients of the providers that it may call, by a proxy at this URL."""
    return "\n\n".join(_filled_in(recipe, key, url) for recipe in RECIPES if key.may_call(recipe.provider))


def _filled_in(recipe: Recipe, key: Key, url: str) -> str:
    named = [pattern for pattern in key.models if re.fullmatch(r"[\w.:-]+", pattern, re.ASCII)]
    model = next(filter(key.may_ask_for, recipe.models), named[0] if named else "MODEL")
    return f"# {recipe.title}\n{recipe.text.replace('@URL', url).replace('@MODEL', model)}"
