"""Serve the dashboard's files, each at its own path. Only files that are in the folder at the start are served.

The charts use plotly.js from the PyPI package `plotly` (extra `dashboard`). Only that file is needed, so the package is
located without importing it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from modeltrack_api.web.handler import ApiError, Ask, Handler, Reply

DASHBOARD = Path(__file__).parent.parent / "dashboard"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
PLOTLY = "/plotly.min.js"
_A_WEEK = "private, max-age=604800"  # megabytes, which change only when the package does
_NO_PLOTLY = b"// No charts: run pip install '.[dashboard]' in the checkout, restart the API. Tables show the same.\n"


def plotly_file() -> Path | None:
    spec = find_spec("plotly")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    return None


def dashboard_files(folder: Path = DASHBOARD) -> Mapping[str, Handler]:
    """Return the handlers by path; `/` is index.html."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _TYPES)
    pages = {f"/{path.relative_to(folder).as_posix()}": _page(path) for path in files}
    return {"/": pages.get("/index.html", _missing), **pages, PLOTLY: _plotly(plotly_file())}


def _plotly(path: Path | None) -> Handler:
    """Return the handler of plotly.js; without the package, of a script that does nothing.

    A 404 instead would show up as an error in the browser's console.
    """
    kind = _TYPES[".js"]
    if path is None:
        return lambda _: Reply(_NO_PLOTLY, content_type=kind)
    file = _page(path)

    def plotly(ask: Ask) -> Reply:
        return replace(file(ask), headers={"Cache-Control": _A_WEEK})

    return plotly


def _page(path: Path) -> Callable[[Ask], Reply]:
    def page(_: Ask) -> Reply:
        try:
            return Reply(path.read_bytes(), content_type=_TYPES[path.suffix])
        except FileNotFoundError:
            raise ApiError(404, "there is nothing at this path") from None

    return page


def _missing(_: Ask) -> Reply:
    raise ApiError(404, "the dashboard is not part of this installation")
