"""Make the part of docs/paths.md that is read off the lists: `python -m tests.addons.llm.paths.page` writes it."""

from addons.llm.paths.table import PathClass
from addons.llm.providers import ANTHROPIC, OPENAI, PROVIDERS, Provider
from tests import ROOT

PAGE = ROOT / "docs/paths.md"
VENDORS = (ANTHROPIC, OPENAI)
BASES = ("/anthropic/v1", "/openai/v1", "/openai", "/v1")
"""Where Azure and Bedrock have the paths that OpenAI and Anthropic have below /v1."""
SHARED = {
    "azure": (
        "OpenAI's are below `/openai/v1`, `/openai` and `/v1`, and Anthropic's below `/anthropic/v1`, in the classes"
        " that they have above; what follows are the others."
    ),
    "bedrock": (
        "OpenAI's are below `/openai/v1` and `/v1`, and Anthropic's messages below `/v1`, in the classes that they have"
        " above; what follows are the others."
    ),
}
BEGIN = "<!-- what follows is made by tests/addons/llm/paths/page.py -->\n"


def made() -> str:
    return "\n".join(_section(provider) for provider in PROVIDERS)


def _is_shared(kind: PathClass, method: str, path: str) -> bool:
    """Tell whether the line is one of OpenAI's or Anthropic's, below another base."""
    originals = {line for vendor in VENDORS for line in vendor.others.lines()}
    return any((kind, method, f"/v1{path.removeprefix(base)}") in originals for base in BASES if path.startswith(base))


def _section(provider: Provider) -> str:
    lines: dict[PathClass, list[str]] = {kind: [] for kind in PathClass}
    lines[PathClass.METERED] = [f"POST {path}" for path in provider.paths]
    for kind, method, path in provider.others.lines():
        if provider not in VENDORS and _is_shared(kind, method, path):
            continue
        lines[kind].append(f"{method} {path}")
    where = (
        f"On the proxy they have `{provider.prefix}` before them. {SHARED[provider.name]}\n\n"
        if provider.prefix
        else ""
    )
    blocks = "\n".join(
        f"### {provider.name}: {kind.value}\n\n```text\n" + "\n".join(found) + "\n```\n"
        for kind, found in lines.items()
        if found
    )
    return f"## {provider.name}\n\n{where}{blocks}"


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(BEGIN)] + BEGIN + "\n" + made())
