"""Read the names of models: those of Bedrock name a region and a version too, and many names end in a date."""

import re

# Bedrock's ids of Anthropic's models begin like this: anthropic.claude-…, us.anthropic.claude-…,
# arn:…/us.anthropic.claude-….
BEDROCK_PREFIX = re.compile(r"(?:arn:[^/]*/)?(?:[a-z-]+\.)?anthropic\.")
_BEDROCK_VERSION = re.compile(r"-v\d+(?::\d+)?\Z")
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})(?:-v\d+(?::\d+)?)?\Z")


def bare(model: str) -> str:
    """Return the model's name without the prefix that Bedrock puts before it."""
    return BEDROCK_PREFIX.sub("", model, count=1) if BEDROCK_PREFIX.match(model) else model


def undated(model: str) -> str:
    """Return the model's bare name without its date, and without the version that Bedrock puts behind it."""
    name = bare(model)
    return _DATE.sub("", name if name == model else _BEDROCK_VERSION.sub("", name))
