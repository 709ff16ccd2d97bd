"""List the providers. A new one is a file in this folder, and one line below."""

from addons.llm.providers.anthropic import ANTHROPIC
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import Endpoints, NotConfigured, Provider, StreamMeter, WireFormat
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.providers.openai import OPENAI

PROVIDERS: tuple[Provider, ...] = (
    ANTHROPIC,
    OPENAI,
    BEDROCK,
    AZURE,
)

__all__ = ["ANTHROPIC", "OPENAI", "PROVIDERS", "Endpoints", "NotConfigured", "Provider", "StreamMeter", "WireFormat"]
