"""The README and the pages of docs/, and what is in them: blocks of code, links, tables."""

import re
from pathlib import Path
from typing import NamedTuple

from tests import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"(?:<!-- (not run)[^\n]*-->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")


class Block(NamedTuple):
    id: str
    language: str
    code: str
    is_run: bool
    """False for one that is marked `<!-- not run: why -->`."""


def blocks(page: Path) -> list[Block]:
    """Return a page's blocks of code, in their order."""
    found = _BLOCK.findall(page.read_text())
    return [Block(f"{page.stem}-{n}", language, code, not mark) for n, (mark, language, code) in enumerate(found)]


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


def prose(page: Path) -> str:
    """Return a page's text without its blocks of code."""
    return _BLOCK.sub("", page.read_text())


def section(page: str, heading: str) -> str:
    """Return what stands under a heading of a page in docs/, up to the next heading that is not below it."""
    text = (ROOT / "docs" / page).read_text()
    match = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert match, f"{page} has no heading {heading!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables in a text, a list a row, without the rows above the rules and these."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in lines]
    rules = [n for n, row in enumerate(cells) if all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    return [row for n, row in enumerate(cells) if n not in rules and n + 1 not in rules]


def names(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)
