"""Check that what the README and docs/ say about the code is so: tables, examples of files, links, paths."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from addons.callers.keys import Key
from addons.ledger.budgets import Budget
from addons.ledger.events import CostEvent, InfraEvent
from addons.llm.model_rules import RoutingFile, Rule
from addons.llm.prices.pricing import ModelPrice
from addons.llm.providers import PROVIDERS
from addons.settings.fields import MITMPROXY_SETTINGS, SECRETS, SETTINGS
from modeltrack_api import settings as api_settings
from modeltrack_api.alerting.handlers import Ids, NewAlertBudget
from modeltrack_api.check_config import FILES, problems
from modeltrack_api.collector.settings import VARIABLES, CollectorSettings
from modeltrack_api.forecasting.estimator import Plan
from modeltrack_api.reports.schedules import NewSchedule
from modeltrack_api.routes import ROUTES
from modeltrack_api.store.sums import Filters
from modeltrack_api.web.dispatch import Route
from tests import ROOT
from tests.documents import PAGES, Block, all_blocks, blocks, names, prose, rows, section

BY_NAME = {page.name: page for page in PAGES}
FILE_OF_KEY = {"budgets": "budgets.json", "rules": "routing.json", "models": "pricing.json", "keys": "keys.json"}
FILE_OF_KEY |= {"sources": "attribution.json"}
JSON_BLOCKS = [block for block in all_blocks() if block.language == "json"]
NOW = datetime(2026, 11, 10, tzinfo=UTC)

LINKED_PAGES = [*PAGES, ROOT / "SECURITY.md", ROOT / "bench/README.md"]
"""The pages whose links and paths are followed."""

YES_NO = ("ye", "no", "in")
"""How the third cell begins in a table of keys."""

REQUEST_BODIES: dict[str, type[BaseModel]] = {
    "/api/estimator/calculate": Plan,
    "/api/reports/schedules": NewSchedule,
    "/api/alerts/dismiss-bulk": Ids,
    "/api/alerts/budgets": NewAlertBudget,
}


@pytest.mark.parametrize("block", JSON_BLOCKS, ids=[block.id for block in JSON_BLOCKS])
def test_a_file_that_is_shown_is_valid(block: Block, tmp_path: Path) -> None:
    shown = json.loads(block.code)
    for key, file in FILE_OF_KEY.items():
        if key in shown:
            (tmp_path / file).write_text(block.code)
            assert problems(tmp_path) == []
    if "default" in shown:
        (tmp_path / "namespace_map.json").write_text(block.code)
        assert problems(tmp_path) == []


def test_each_file_of_the_data_folder_is_shown() -> None:
    shown = {key for block in JSON_BLOCKS for key in json.loads(block.code)}
    assert {*FILE_OF_KEY, "default"} <= shown
    assert {*FILE_OF_KEY.values(), "namespace_map.json"} == set(FILES)


def test_the_readme_is_short() -> None:
    assert len(BY_NAME["README.md"].read_text().splitlines()) <= 250


def test_nothing_says_to_install_somebody_elses_package() -> None:
    wrong = re.compile(r"pip\s+install\s+(?:-\S+\s+)*['\"]?modeltrack\b")
    texts = [*PAGES, *(ROOT / "addons").rglob("*.py"), *(ROOT / "modeltrack_api").rglob("*.py")]
    assert [path.name for path in texts if wrong.search(path.read_text())] == []


def page_id(page: Path) -> str:
    return page.name if page in PAGES else str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", LINKED_PAGES, ids=page_id)
def test_no_paragraph_of_a_page_is_a_placeholder(page: Path) -> None:
    """A placeholder is one word in capitals, such as TODO."""
    paragraphs = re.split(r"\n\s*\n", prose(page))
    assert [text for text in paragraphs if re.fullmatch(r"\s*[A-Z]{2,}\s*", text)] == []


@pytest.mark.parametrize("page", LINKED_PAGES, ids=page_id)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [BY_NAME["README.md"]]
    while waiting:
        page = waiting.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+)", prose(page))
        waiting += [(page.parent / link).resolve() for link in links if not link.startswith("https://")]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", LINKED_PAGES, ids=page_id)
def test_the_files_and_folders_that_a_page_names_are_there(page: Path) -> None:
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"data"}
    named = {name for name in names(prose(page)) if name.partition("/")[0] in tops and re.fullmatch(r"[\w./-]+", name)}
    made = {"addons/mitm.conf"}  # in the wheel
    assert [name for name in sorted(named - made) if "/" in name and not (ROOT / name).exists()] == []


def test_the_architecture_has_every_room() -> None:
    shown = {name.rstrip("/") for row in rows(section("architecture.md", "Rooms")) for name in names(row[0])}
    packages = {
        str(path.parent.relative_to(ROOT))
        for top in ("addons", "modeltrack_api")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert packages <= shown


def test_every_setting_is_in_the_configuration_with_its_default() -> None:
    shown = {row[0]: row[1:4] for row in rows(section("configuration.md", "The proxy")) if len(row) == 5}
    assert shown == {
        f"`{info.env}`": [f"`{option}`", default_cell(info.default), info.kind.allowed]
        for option, info in (MITMPROXY_SETTINGS | SETTINGS).items()
    }


def test_every_secret_is_in_the_configuration() -> None:
    shown = {row[0]: row[1] for row in rows(section("configuration.md", "Secrets"))}
    assert shown == {f"`{info.env}`": info.kind.allowed for info in SECRETS.values()}


def default_cell(default: Any) -> str:
    if default == "":
        return "none"
    if type(default) is int and default % 1024 == 0:
        size = f"{default // 2**20} MiB" if default % 2**20 == 0 else f"{default // 2**10} KiB"
        return f"`{default}` ({size})"
    return f"`{str(default).lower() if type(default) is bool else default}`"


class Asked(dict[str, str]):
    """An environment that notes which variables are asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def test_every_setting_of_the_api_is_in_the_configuration() -> None:
    asked = Asked()
    found = api_settings.from_environment(asked)
    shown = {name: row[1] for row in rows(section("configuration.md", "The API")) for name in names(row[0])}
    assert set(shown) == asked.names
    assert shown["API_HOST"] == f"`{found.host}`" and shown["PORT"] == f"`{found.port}`"


def test_every_setting_of_the_collector_is_in_the_configuration() -> None:
    defaults = {item.name: item.default for item in fields(CollectorSettings)}
    shown = {row[0]: row[1:3] for row in rows(section("configuration.md", "The collector"))}
    expected = {
        f"`{variable}`": [default_cell(defaults[name]), kind.allowed] for name, (variable, kind) in VARIABLES.items()
    }
    assert {name: cells for name, cells in shown.items() if name != "`DATA_DIR`"} == expected
    assert "`DATA_DIR`" in shown


def test_the_options_of_mitm_conf_are_in_the_configuration() -> None:
    conf = re.findall(r"^(\w+):", (ROOT / "mitm.conf").read_text(), re.MULTILINE)
    assert [names(row[0])[0] for row in rows(section("configuration.md", "mitm.conf"))] == conf


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        ("budgets-and-rules.md", "budgets.json", Budget),
        ("budgets-and-rules.md", "routing.json", Rule),
        ("prices.md", "pricing.json", ModelPrice),
        ("callers.md", "keys.json", Key),
    ],
    ids=["budgets", "rules", "prices", "keys"],
)
def test_every_key_of_a_file_is_explained(page: str, heading: str, model: type[BaseModel]) -> None:
    shown = {names(row[0])[0]: row for row in rows(section(page, heading)) if len(row) == 4 and row[2][:2] in YES_NO}
    assert set(shown) >= set(model.model_fields)
    extra = set(RoutingFile.model_fields) if model is Rule else set()
    assert set(shown) <= set(model.model_fields) | extra
    for name, info in model.model_fields.items():
        if info.is_required():
            assert shown[name][2].startswith("yes"), name


def test_the_readme_explains_every_key_of_budgets_and_rules() -> None:
    text = BY_NAME["README.md"].read_text()
    shown = {name for row in rows(text) for name in names(row[0])}
    assert {*Budget.model_fields, *Rule.model_fields} <= shown


def test_every_field_of_a_call_is_explained() -> None:
    common = {"timestamp": NOW, "provider": "openai", "model": "", "latency_ms": 1, "status_code": 200}
    least = CostEvent(**common, cost_nanos=None, is_streaming=False)
    money = {"cost_nanos": "cost_usd", "saved_nanos": "saved_usd"}
    check_fields("Fields of a call", json.loads(least.line()), [money.get(f.name, f.name) for f in fields(CostEvent)])


def test_every_field_of_infrastructure_is_explained() -> None:
    least = InfraEvent(event_id="x", timestamp=NOW, event_type="gpu_compute", provider="aws", cost_nanos=None)
    all_fields = ["cost_usd" if item.name == "cost_nanos" else item.name for item in fields(InfraEvent)]
    check_fields("Fields of infrastructure", json.loads(least.line()), all_fields)


def check_fields(heading: str, least: Mapping[str, Any], every: list[str]) -> None:
    shown = {names(row[0])[0]: row[3] for row in rows(section("event-log.md", heading))}
    assert sorted(shown) == sorted(every)
    assert sorted(name for name, left_out in shown.items() if left_out == "never") == sorted(least)


def test_an_event_that_is_shown_has_the_fields_of_one() -> None:
    [event] = [json.loads(block.code) for block in blocks(BY_NAME["event-log.md"]) if block.language == "json"]
    table = {names(row[0])[0]: row[3] for row in rows(section("event-log.md", "Fields of a call"))}
    assert set(event) <= set(table)
    assert {name for name, left_out in table.items() if left_out == "never"} <= set(event)


def api_rows() -> dict[tuple[str, str], list[str]]:
    found = {}
    for row in rows(BY_NAME["api.md"].read_text()):
        method, _, path = names(row[0])[0].partition(" ")
        if path:
            found[method, path] = row
    return found


def api_routes() -> list[Route]:
    return [route for route in ROUTES if route.path.startswith("/api/") or route.path == "/metrics"]


def test_every_call_of_the_api_is_listed() -> None:
    assert sorted(api_rows()) == sorted((route.method, route.path) for route in api_routes())


@pytest.mark.parametrize("route", api_routes(), ids=lambda route: f"{route.method} {route.path}")
def test_the_parameters_of_a_call_are_listed(route: Route) -> None:
    cell = api_rows()[route.method, route.path][1]
    wanted = {param.name for param in route.params if f"{{{param.name}}}" not in route.path}
    if route.takes_body:
        wanted |= set(REQUEST_BODIES[route.path].model_fields)
    if route.filters and route.filters != Filters._fields:
        wanted |= set(route.filters)
    assert set(names(cell)) == wanted
    words = set(re.findall(r"\w+", re.sub(r"`[^`]+`", "", cell)))
    assert words == {
        *(["dates"] if route.window else []),
        *(["filters"] if route.filters == Filters._fields else []),
        *(["body"] if route.takes_body else []),
    }


def test_every_tracked_path_is_listed() -> None:
    shown = {
        (names(row[0])[0] if names(row[0]) else row[0], path)
        for row in rows(section("clients.md", "Paths"))
        for path in names(row[1])
    }
    assert shown == {(provider.name, provider.prefix + path) for provider in PROVIDERS for path in provider.paths}


def test_every_make_target_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [name for page in PAGES for name in names(prose(page))]
    commands += [line for block in all_blocks() if block.language == "sh" for line in block.code.splitlines()]
    named = {match[1] for command in commands if (match := re.match(r"make ([a-z-]+)", command))}
    assert "demo" in named and named <= targets
    listed = [names(row[0])[0] for row in rows(BY_NAME["development.md"].read_text())]
    assert sorted(listed) == sorted(f"make {target}" for target in targets)
