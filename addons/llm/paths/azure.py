"""List the paths of Azure: OpenAI's and Anthropic's on paths of its own, and those of its model inference API.

Sources: https://learn.microsoft.com/azure/ai-foundry/openai/reference and
https://learn.microsoft.com/rest/api/aifoundry/modelinference.
"""

from addons.llm.paths import anthropic, openai
from addons.llm.paths.table import PathTable, joined, under

_BASES = ("/openai/v1", "/openai", "/v1")

_UNMETERED = """
POST /models/images/embeddings
POST /openai/deployments/{model}/images/generations
POST /openai/deployments/{model}/images/edits
POST /openai/deployments/{model}/audio/speech
POST /openai/deployments/{model}/audio/transcriptions
POST /openai/deployments/{model}/audio/translations
POST /openai/chat/completions
POST /openai/completions
POST /openai/embeddings
"""


def _of(openais: str, anthropics: str) -> list[str]:
    return [*(under("/v1", base, openais) for base in _BASES), under("/v1", "/anthropic/v1", anthropics)]


PATHS = PathTable(
    free=joined(_of(openai.PATHS.free, anthropic.PATHS.free)),
    billed_later=joined(_of(openai.PATHS.billed_later, anthropic.PATHS.billed_later)),
    unmetered=joined([*_of(openai.PATHS.unmetered, anthropic.PATHS.unmetered), _UNMETERED]),
    ignores_case=True,
)
