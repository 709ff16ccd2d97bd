"""Check that no path that an installed SDK calls is in no list, and so nothing is free, or refused, by accident."""

from collections.abc import Callable

import pytest

from addons.llm.paths.table import READING, PathClass
from addons.llm.providers import ANTHROPIC, OPENAI, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.routes import resolve_at

from .sdks import Call, of_python_sdk, of_service


def unlisted(provider: Provider, calls: set[Call]) -> list[Call]:
    """Return the calls that are neither metered nor in a list, nor only read."""
    return sorted(
        call
        for call in calls
        if call.method not in READING
        and not (call.method == "POST" and resolve_at(provider.name, call.path))
        and not provider.others.listed(*call)
    )


@pytest.mark.parametrize(
    ("provider", "walk", "least"),
    [
        (ANTHROPIC, lambda: of_python_sdk("anthropic"), 250),
        (OPENAI, lambda: of_python_sdk("openai", "/v1"), 350),
        (AZURE, lambda: of_python_sdk("openai", "/openai/v1"), 350),
        (AZURE, lambda: of_python_sdk("openai", "/openai"), 350),
        (BEDROCK, lambda: of_python_sdk("openai", "/openai/v1"), 350),
        (BEDROCK, lambda: of_service("bedrock-runtime"), 10),
        (BEDROCK, lambda: of_service("bedrock"), 100),
    ],
    ids=["anthropic", "openai", "azure v1", "azure", "openai on bedrock", "bedrock-runtime", "bedrock"],
)
def test_every_path_of_the_sdks_is_in_a_list(provider: Provider, walk: Callable[[], set[Call]], least: int) -> None:
    calls = walk()
    assert len(calls) > least
    assert unlisted(provider, calls) == []


def test_a_path_that_no_list_has_would_be_found() -> None:
    assert unlisted(
        OPENAI, {Call("POST", "/v1/dreams"), Call("GET", "/v1/dreams"), Call("POST", "/v1/moderations")}
    ) == [Call("POST", "/v1/dreams")]


@pytest.mark.parametrize("provider", [ANTHROPIC, OPENAI, AZURE, BEDROCK], ids=lambda provider: provider.name)
def test_no_line_is_hidden_by_another_or_by_a_tracked_path(provider: Provider) -> None:
    table = provider.others
    for kind, method, path in table.lines():
        example = path.replace("*", "").replace("{", "").replace("}", "")
        assert table.listed(method, example) is kind, f"{method} {path}"
        assert not (method == "POST" and resolve_at(provider.name, example)), f"{method} {path} is metered"


def test_batches_are_billed_later_and_may_cost() -> None:
    assert OPENAI.others.class_of("POST", "/v1/batches") is PathClass.BILLED_LATER
    assert ANTHROPIC.others.class_of("POST", "/v1/messages/batches") is PathClass.BILLED_LATER
    assert BEDROCK.others.class_of("POST", "/model-invocation-job") is PathClass.BILLED_LATER
    assert [kind.may_cost for kind in PathClass] == [False, False, True, True]
