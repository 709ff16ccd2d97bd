import os
from pathlib import Path

import pytest

from addons.ledger.watched import ConfigError
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import write_map


@pytest.mark.parametrize(
    ("namespace", "team"),
    [
        ("ml-research", "ml-research"),
        ("product-chatbot", "product"),
        ("default", "platform"),
        ("kube-system", "platform"),
        ("", "platform"),
    ],
)
def test_a_namespace_is_its_teams(teams: Teams, namespace: str, team: str) -> None:
    assert teams.of(namespace) == team


@pytest.mark.parametrize("content", [None, {}, {"ml-research": "ml-research"}])
def test_without_a_default_the_rest_is_unassigned(tmp_path: Path, content: dict[str, str] | None) -> None:
    if content is not None:
        write_map(tmp_path, content)
    teams = Teams(tmp_path)
    teams.load()
    assert teams.of("kube-system") == "unassigned"


def test_a_new_map_is_in_force_at_once(teams: Teams, tmp_path: Path) -> None:
    write_map(tmp_path, {"kube-system": "sre"})
    teams.refresh()
    assert teams.of("kube-system") == "sre"
    assert teams.of("ml-research") == "unassigned"


@pytest.mark.parametrize("content", ["{", '{"a": ""}', '{"a": 1}', '["a"]', '{"a": "x", "a": "y"}'])
def test_a_map_that_does_not_validate_changes_nothing(teams: Teams, tmp_path: Path, content: str) -> None:
    (tmp_path / "namespace_map.json").write_text(content)
    teams.refresh()
    teams.refresh()
    assert teams.of("ml-research") == "ml-research"


def test_nor_does_one_that_is_gone(teams: Teams, tmp_path: Path) -> None:
    os.unlink(tmp_path / "namespace_map.json")
    teams.refresh()
    teams.refresh()
    assert teams.of("product-chatbot") == "product"


def test_at_the_start_such_a_map_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "namespace_map.json").write_text('{"a": ""}')
    with pytest.raises(ConfigError, match=r"^namespace_map\.json: a: "):
        Teams(tmp_path).load()
