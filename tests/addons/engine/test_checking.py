"""Check which parts of mitmproxy count as known, and what is said of those that do not."""

import functools
import importlib
import py_compile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import addonmanager, flow, hooks, version
from mitmproxy.proxy.layers.http import _http1

from addons.engine.checking import ATTRIBUTE, Function, Name, fingerprint, resolve, signature

READER = "mitmproxy.proxy.layers.http._http1:make_body_reader"
SOURCE = "def answer(question, *, loud: bool = False) -> str:\n    return question\n"


def known(path: str, *releases: str) -> Function:
    """A function in the form that it has now."""
    return Function(path, {fingerprint(resolve(path)): releases or (version.VERSION,)})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mitmproxy.hooks:Hook.args", hooks.Hook.args),
        ("mitmproxy.version:VERSION", version.VERSION),
        ("mitmproxy.flow:Flow.live", ATTRIBUTE),
        ("mitmproxy.addonmanager:AddonManager.chain", ATTRIBUTE),
        ("mitmproxy.hooks", hooks),
    ],
)
def test_a_path_leads_to_what_it_names(path: str, expected: Any) -> None:
    assert resolve(path) == expected


@pytest.mark.parametrize("path", ["mitmproxy.gone:a", "mitmproxy.flow:gone", "mitmproxy.flow:Flow.gone"])
def test_what_is_gone_is_said_to_be_missing(path: str) -> None:
    with pytest.raises(LookupError):
        resolve(path)
    assert Function(path, {"a": ("1",)}).deviation() == Name(path).deviation() == f"{path} is missing"


def test_a_function_is_known_whatever_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    function = known(READER, "1.0")
    monkeypatch.setattr(version, "VERSION", "99.0")
    assert function.deviation() == ""


def test_another_function_is_named_with_the_forms_that_were_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Function(READER, known(READER, "1.0", "1.1").forms | {"0123456789abcdef": ("2.0",)})
    (before, _) = function.forms
    monkeypatch.setattr(_http1, "make_body_reader", lambda size: None)
    found = fingerprint(_http1.make_body_reader)
    assert function.deviation(trusts_version=True) == (
        f"{READER} has fingerprint {found}, expected {before} (1.0, 1.1) or 0123456789abcdef (2.0)"
    )


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@pytest.mark.parametrize("change", [wrapped, lambda function: functools.partial(function), lambda function: len])
def test_a_function_that_somebody_has_wrapped_is_not_known(
    change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    function = known(READER)
    monkeypatch.setattr(_http1, "make_body_reader", change(_http1.make_body_reader))
    assert function.deviation(trusts_version=True).startswith(f"{READER} has fingerprint none, expected ")


@pytest.mark.parametrize(
    "path",
    ["mitmproxy.addonmanager:safecall", "mitmproxy.utils.human:parse_size", "mitmproxy.optmanager:_Option.default"],
)
def test_what_mitmproxy_decorates_itself_has_a_fingerprint(path: str) -> None:
    assert len(fingerprint(resolve(path))) == 16


def test_a_class_goes_by_its_name_and_a_constant_by_its_value() -> None:
    assert fingerprint(flow.Flow) == "mitmproxy.flow.Flow"
    assert fingerprint(4000) == "4000"


@pytest.fixture
def without_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that is installed in compiled form alone."""
    source = tmp_path / "compiled_alone.py"
    source.write_text(SOURCE)
    py_compile.compile(str(source), str(source.with_suffix(".pyc")))
    source.unlink()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield "compiled_alone:answer"


@pytest.mark.parametrize(("release", "expected"), [(version.VERSION, ""), ("1.0", "has no source to check")])
def test_where_there_is_no_source_a_fix_goes_by_the_version_and_a_speed_up_stays_away(
    without_source: str, release: str, expected: str
) -> None:
    function = Function(without_source, {"0123456789abcdef": (release,)})
    assert function.deviation(trusts_version=True).endswith(expected)
    assert "has fingerprint none" in function.deviation()


def test_the_signature_of_a_name_is_compared_without_its_types() -> None:
    path = "mitmproxy.addonmanager:cut_traceback"
    assert signature(addonmanager.cut_traceback) == "(tb, func_name)"
    assert Name(path, "(tb, func_name)").deviation() == Name(path).deviation() == ""
    assert Name(path, "(tb)").deviation() == f"{path} has signature (tb, func_name), expected (tb)"


def test_a_name_is_not_looked_for_in_releases_that_do_not_have_it() -> None:
    assert Name("mitmproxy.flow:gone", releases=("1.0",)).deviation() == ""
    assert Name("mitmproxy.flow:gone", releases=(version.VERSION,)).deviation() != ""
