"""Test how the API serves the dashboard's files. tests/e2e/dashboard tests them in a browser."""

import sys
from pathlib import Path
from typing import Any

import pytest

from modeltrack_api.web.pages import DASHBOARD, PLOTLY, dashboard_files, plotly_file

NO_ASK: Any = None


def test_what_is_in_the_folder_is_served_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "dashboard"
    (folder / "js").mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret")
    for name in ("index.html", "js/app.js", "style.css", "notes.py", ".env"):
        (folder / name).write_text(name)
    pages = dashboard_files(folder)
    assert sorted(pages) == ["/", "/index.html", "/js/app.js", PLOTLY, "/style.css"]
    answers = {path: page(NO_ASK) for path, page in pages.items()}
    assert answers["/"].content == b"index.html"
    assert answers["/js/app.js"].content_type == "text/javascript; charset=utf-8"


def test_without_a_dashboard_there_is_an_answer_all_the_same(tmp_path: Path) -> None:
    assert list(dashboard_files(tmp_path)) == ["/", PLOTLY]


def test_plotly_comes_out_of_its_package_which_is_not_imported() -> None:
    reply = dashboard_files()[PLOTLY](NO_ASK)
    assert b"plotly.js v" in reply.content[:100] and len(reply.content) > 10**6
    assert reply.headers["Cache-Control"] == "private, max-age=604800"
    assert "plotly" not in sys.modules


def test_without_its_package_plotly_is_a_script_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert plotly_file() is None
    [line] = dashboard_files()[PLOTLY](NO_ASK).content.splitlines()
    assert line.startswith(b"//") and b"pip install '.[dashboard]'" in line


@pytest.mark.parametrize("path", sorted(DASHBOARD.rglob("*.*")), ids=lambda path: path.name)
def test_no_file_of_the_dashboard_knows_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text and "https://" not in text and "innerHTML" not in text
