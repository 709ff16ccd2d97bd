"""The dashboard's files, each at a path of its own. What is not in the folder at the start is not served."""

from collections.abc import Mapping
from pathlib import Path

from modeltrack_api.api import ApiError, Ask, Handler, Reply

DASHBOARD = Path(__file__).parent / "dashboard"
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


def dashboard_files(folder: Path = DASHBOARD) -> Mapping[str, Handler]:
    """Handlers by path; `/` is index.html."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _TYPES)
    pages = {f"/{path.relative_to(folder).as_posix()}": _page(path) for path in files}
    return {"/": pages.get("/index.html", _missing), **pages}


def _page(path: Path) -> Handler:
    def page(_: Ask) -> Reply:
        try:
            return Reply(path.read_bytes(), content_type=_TYPES[path.suffix])
        except FileNotFoundError:
            raise ApiError(404, "there is nothing at this path") from None

    return page


def _missing(_: Ask) -> Reply:
    raise ApiError(404, "the dashboard is not part of this installation")
