"""The list of touchpoints beside the mitmproxy that is installed, and beside the project's own files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import version

from addons.engine import touchpoints
from addons.engine.checking import Function, Name
from addons.engine.speed import lookups
from addons.engine.touchpoints import FUNCTIONS, NAMES, __main__, listed
from addons.engine.touchpoints.releases import RELEASES
from tests import ROOT
from tests.addons.engine.fixes import FIXES

OURS = ("addons", "modeltrack_api", "demo", "bench", "tests")
LISTED = [each for file in sorted(FUNCTIONS.keys() | NAMES.keys()) for each in listed(file)]
NAMEDTUPLE = {"_asdict", "_fields", "_make", "_replace"}


@pytest.mark.parametrize("touchpoint", LISTED, ids=lambda each: each.path)
def test_it_is_as_expected_in_the_mitmproxy_that_is_installed(touchpoint: Function | Name) -> None:
    assert touchpoint.deviation() == ""


@pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_function_has_one_form_in_each_release(functions: tuple[Function, ...]) -> None:
    for function in functions:
        assert sorted(release for releases in function.forms.values() for release in releases) == sorted(RELEASES)


def test_the_mitmproxy_that_is_installed_is_one_of_the_releases() -> None:
    assert version.VERSION in RELEASES


def test_the_last_release_is_the_locked_one_and_the_first_the_oldest_allowed() -> None:
    assert f"\nmitmproxy=={RELEASES[-1]} " in (ROOT / "requirements.lock").read_text()
    assert f'"mitmproxy>={RELEASES[0]},<' in (ROOT / "pyproject.toml").read_text()
    others = {path.name for path in ROOT.glob("requirements-mitmproxy-*.lock")}
    assert others == {f"requirements-mitmproxy-{release}.lock" for release in RELEASES[:-1]}


def test_what_is_replaced_is_among_the_functions_that_are_checked() -> None:
    parts = [(fix.replacements, fix.relies_on) for fix in FIXES]
    parts += [(each._replacements, each._relies_on) for each in lookups.speed_ups()]
    for replacements, relies_on in parts:
        names = {function.path.rpartition(":")[2] for function in relies_on}
        for owner, name, _ in replacements:
            qualified = f"{owner.__name__}.{name}" if isinstance(owner, type) else name
            inherited = {f"{parent.__name__}.{name}" for parent in getattr(owner, "__mro__", ())}
            assert {qualified, *inherited} & names, qualified


def own_names(tree: ast.Module) -> set[str]:
    """Return what a file defines: functions, classes, variables and attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.add(node.attr)
    return found


class Finder(ast.NodeVisitor):
    """The private names of other packages that a file uses, each with its line."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: dict[str, int] = {}
        self._own = NAMEDTUPLE | own_names(tree)
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._note_path(name.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names if not node.level else []:
            self._note_path(f"{node.module}.{name.name}", node)
        base = ROOT / f"{(node.module or '').replace('.', '/')}.py"
        if base.is_file():
            self._own |= own_names(ast.parse(base.read_text()))  # where a class may inherit them from

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if is_private(node.attr) and node.attr not in self._own:
            self.found[node.attr] = node.lineno
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Names that are given as text, as to getattr, setattr and Replacement."""
        is_access = ast.unparse(node.func) in ("getattr", "hasattr", "setattr", "delattr", "Replacement")
        for given in node.args if is_access else []:
            if isinstance(given, ast.Constant) and isinstance(given.value, str) and is_private(given.value):
                self.found.setdefault(given.value, node.lineno)
        self.generic_visit(node)

    def _note_path(self, path: str, node: ast.stmt) -> None:
        if path.partition(".")[0] not in OURS and any(map(is_private, path.split("."))):
            self.found[path] = node.lineno


def is_private(name: str) -> bool:
    return re.fullmatch(r"_[a-zA-Z]\w*", name) is not None


def unlisted(source: str, paths: list[str]) -> Iterator[str]:
    """The private names in a file that no path has in it."""
    dotted = [path.replace(":", ".") for path in paths]
    for name, line in Finder(ast.parse(source)).found.items():
        parts = name.split(".")
        if not any(
            f".{name}." in f".{path}." if len(parts) == 1 else f"{path}.".startswith(f"{name}.") for path in dotted
        ):
            yield f"line {line}: {name}"


FILES = sorted(path for folder in OURS[:-1] for path in (ROOT / folder).rglob("*.py"))


def test_every_private_name_that_a_file_uses_is_listed_under_it() -> None:
    found = {}
    for path in FILES:
        file = str(path.relative_to(ROOT))
        if missing := list(unlisted(path.read_text(), [each.path for each in listed(file)])):
            found[file] = missing
    assert found == {}


def test_every_file_that_is_listed_is_there() -> None:
    assert {Path(file) for file in FUNCTIONS.keys() | NAMES.keys()} <= {path.relative_to(ROOT) for path in FILES}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from h11._readers import ChunkedReader", ["line 1: h11._readers.ChunkedReader"]),
        ("from mitmproxy.http import _native", ["line 1: mitmproxy.http._native"]),
        ("import mitmproxy.net._x", ["line 1: mitmproxy.net._x"]),
        ("import a\na.b()._store.values()", ["line 2: _store"]),
        ("class A(B):\n    def f(self):\n        return self._inherited", ["line 3: _inherited"]),
        ("getattr(a, '_hidden')", ["line 1: _hidden"]),
        ("class A:\n    def f(self):\n        self._own = 1\n        return self._own._replace(a=1)", []),
        ("from addons.x import _y", []),
        ("a.known._listed", []),
    ],
)
def test_a_private_name_that_is_not_listed_is_found(source: str, expected: list[str]) -> None:
    assert list(unlisted(source, ["mitmproxy.x:Y._listed"])) == expected


def test_they_are_printed_with_what_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert __main__.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"mitmproxy {version.VERSION}; supported: {', '.join(RELEASES)}" and lines[-1] == "0 changed"
    assert sum(line.startswith("  known   ") for line in lines) == len(LISTED)
    monkeypatch.setattr(touchpoints, "NAMES", {"a.py": (Name("mitmproxy.flow:gone"),)})
    assert __main__.main() == 1
    assert "  CHANGED mitmproxy.flow:gone is missing\n" in capsys.readouterr().out
