"""Whatever the process remembers has a bound: what its keys are, how many there are, and how long."""

import ast
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from addons.engine.speed import lookups
from addons.flow import upstream
from addons.llm import memoised, routes
from addons.llm.memoised import LONGEST
from addons.llm.model_limits import families
from addons.llm.prices.pricing import Prices
from modeltrack_api.prices import families as price_families
from tests import ROOT

MEMORIES = {
    "addons/bootstrap.py _secrets": "settings that are secrets",
    "addons/cache.py _entries": "hashes; CACHE_MAX_BYTES and CACHE_MAX_ENTRIES",
    "addons/cache.py _in_flight": "hashes; one for each call under way",
    "addons/callers/attribution.py _read": "4 versions of attribution.json, and of the opt_out_header of routing.json",
    "addons/callers/origins.py own_names": "one; it takes no arguments",
    "addons/callers/credentials.py _values": "what keys.json and the environment name",
    "addons/callers/credentials.py _stamps": "files that keys.json and the environment name",
    "addons/callers/credentials.py _references": "providers",
    "addons/core.py opened_by": "ids; one for each tunnel and socket that a key has opened",
    "addons/core.py live": "ids; one for each call under way",
    "addons/core.py tunnels": "ids; one for each open tunnel, whose names are cut at 256 characters",
    "addons/ledger/counts.py routing_skipped": "reasons, a list of the program's",
    "addons/ledger/counts.py rule_hits": "names of rules in routing.json",
    "addons/core.py _unpriced_models": "1,000 names of models, which have 256 characters at most",
    "addons/engine/connections/table.py _entries": "ids; one for each open connection",
    "addons/engine/connections/unread.py _all": "connections that end, which count in MAX_CONNECTIONS",
    "addons/engine/fixes/absent_clients.py _all": "ids; one for each open connection",
    "addons/engine/speed/hook_table.py _entries": "mitmproxy's hooks",
    "addons/engine/speed/hook_table.py _flow_classes": "mitmproxy's classes",
    "addons/engine/speed/lookups.py _complete": "mitmproxy's classes",
    "addons/engine/speed/lookups.py _fields": "mitmproxy's hooks",
    "addons/flow/admission.py _logged": "names in budgets.json",
    "addons/flow/replies.py _NO_HEADERS": "nothing; it stays empty",
    "addons/flow/stream_options.py _refused": "1,000 names of models, which have 256 characters at most",
    "addons/inspecting/reassembly.py drafts": "one for each part of a transcript, which ends with it",
    "addons/ledger/experience.py _calls": "10,000 names of models, which have 256 characters at most",
    "addons/ledger/experience.py _learned": "the same",
    "addons/ledger/held.py _owners": "ids; one for each body that is held",
    "addons/ledger/log_files.py _reported": "names of files in DATA_DIR",
    "addons/ledger/names.py _accounts_of": "4,096 pairs of such names",
    "addons/ledger/names.py _compared": "4,096 names of teams and apps, cut at 256 characters",
    "addons/ledger/spend.py _months": "names of teams and apps that have spent money, cut at 256 characters",
    "addons/ledger/spend.py _reserved": "names of teams and apps that have calls under way, cut at 256 characters",
    "addons/ledger/spend.py _tickets": "numbers; one for each call under way",
    "addons/ledger/config_events/log.py _theirs": "files in DATA_DIR, with what others have noted of them",
    "addons/ledger/config_events/log.py _versions": "files in DATA_DIR",
    "addons/llm/model_limits/memory.py _refused": "4,096 names of models, which have 256 characters at most",
    "addons/llm/prices/pricing.py _found": "4,096 names of models of 256 characters at most",
    "addons/llm/prices/pricing.py _lists": "providers",
    "addons/llm/prices/pricing.py _overrides": "names in pricing.json",
    "addons/llm/providers/anthropic.py _usage": "the last usage that a stream reported, which ends with it",
    "addons/llm/providers/bedrock_runtime.py _usage": "the same",
    "addons/llm/providers/openai.py _usage": "the same",
    "addons/llm/providers/responses.py _response": "the same",
    "addons/llm/speeds.py _models": "1,000 names of models, which have 256 characters at most",
    "addons/websockets.py _open": "ids; one for each open socket",
    "modeltrack_api/alerting/alerter.py _problems": "the alerter's own steps",
    "modeltrack_api/collector/aws.py client": "two services of AWS",
    "modeltrack_api/collector/once.py _until": "the collector's sources",
    "modeltrack_api/collector/once.py _written": "ids of the days that are asked for",
    "modeltrack_api/prices/catalogue.py _models": "models that have a price",
    "modeltrack_api/store/event_rows.py _known": "16 million characters of labels, for series and for callers",
    "modeltrack_api/web/dispatch.py _exact": "the API's own paths",
    "modeltrack_api/web/dispatch.py _patterns": "the API's own paths",
    "modeltrack_api/web/slots.py _open": "open connections, of which there are 100 at most",
    "modeltrack_api/web/slots.py _reading": "the same",
    "modeltrack_api/web/slots.py _waiting": "the same",
}
"""What may be kept longer than for one function, by file and name, with what bounds it."""

_MAPS = {"dict", "set", "defaultdict", "Counter", "OrderedDict", "LRUCache", "TTLCache", "WeakValueDictionary"}
_DECORATORS = {"lru_cache", "cache"}


def memories() -> Iterator[tuple[str, str]]:
    for folder in ("addons", "modeltrack_api"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file != "addons/llm/memoised.py":
                yield from ((file, name) for name in names(ast.parse(path.read_text())))


def names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if found := assigned(node):
            yield found
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and ast.unparse(node).startswith("self."):
            if found := assigned(node):
                yield found.removeprefix("self.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if _DECORATORS & {decorator(each) for each in node.decorator_list}:
                yield node.name
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and "default_factory" in ast.unparse(item) and assigned_map(item):
                    yield ast.unparse(item.target)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Call) and decorator(node.func) in _DECORATORS:
            yield ast.unparse(node)


def decorator(node: ast.expr) -> str:
    return ast.unparse(node).partition("(")[0].rpartition(".")[2]


def assigned(node: ast.stmt) -> str:
    """Return the name that a statement gives to a new, empty map or set."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return ""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    value = node.value
    is_empty = isinstance(value, ast.Dict) and not value.keys
    is_made = (
        isinstance(value, ast.Call)
        and ast.unparse(value.func).rpartition(".")[2] in _MAPS
        and (not value.args or "Cache" in ast.unparse(value.func) or "defaultdict" in ast.unparse(value.func))
    )
    return ast.unparse(target) if is_empty or is_made else ""


def assigned_map(node: ast.AnnAssign) -> bool:
    return "default_factory=Counter" in ast.unparse(node)


def test_everything_that_is_remembered_is_known_to_be_bounded() -> None:
    found = {f"{file} {name}" for file, name in memories()}
    assert found - MEMORIES.keys() == set(), "say what bounds it"
    assert MEMORIES.keys() - found == set(), "there is no such memory any more"


LONG = 2**20
FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "path": routes.resolve,
    "URL": lambda text: upstream._parts("https://x/" + text),
    "model": families.family_of,
    "authority": lambda text: lookups._parsed(text, False),
    "price": lambda text: Prices().find("openai", text),
    "name for people": lambda text: price_families.family("gpt-4o", text),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_long_texts_are_not_remembered(function: Callable[[str], Any]) -> None:
    function("warm up")
    tracemalloc.start()
    try:
        for number in range(20):
            function(f"{number}" + "x" * LONG)
        assert tracemalloc.get_traced_memory()[0] < LONG
    finally:
        tracemalloc.stop()


def test_short_texts_are_remembered_the_newest_of_them() -> None:
    asked: list[str] = []

    @memoised.memoised(2)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    texts = ["a", "bb", "a", "ccc", "bb", "a", "x" * LONGEST, "x" * LONGEST, "y" * LONGEST + "y", "y" * LONGEST + "y"]
    assert [length(text) for text in texts] == [len(text) for text in texts]
    assert asked == ["a", "bb", "ccc", "a", "x" * LONGEST, "y" * LONGEST + "y", "y" * LONGEST + "y"]


def test_an_error_is_not_remembered() -> None:
    parse = memoised.memoised(2)(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            parse("x")
    assert parse("5") == 5
