"""Read off the installed SDKs which paths they call: the vendors' from their source, AWS's from its service models."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from botocore.session import Session

_METHODS = {
    "_get": "GET",
    "_get_api_list": "GET",
    "_post": "POST",
    "_put": "PUT",
    "_patch": "PATCH",
    "_delete": "DELETE",
}
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


class Call(NamedTuple):
    method: str
    path: str
    """The path with a name in the place of each variable."""


def of_python_sdk(name: str, base: str = "") -> set[Call]:
    """Return the calls in the resources of a vendor's SDK; `base` is the path of its base URL."""
    return {Call(method, base + path) for method, path in _read(name)}


@cache
def _read(name: str) -> set[Call]:
    folder = Path(str(import_module(name).__file__)).parent / "resources"
    return {
        Call(method, _filled(path))
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        for method, path in _calls(node, file)
    }


def of_service(name: str) -> set[Call]:
    """Return the calls of one of AWS's services."""
    model = Session().get_service_model(name)
    http = (model.operation_model(operation).http for operation in model.operation_names)
    return {Call(found["method"], _filled(found["requestUri"])) for found in http}


def _calls(node: ast.Call, file: Path) -> Iterator[tuple[str, str]]:
    """Yield the method and path where the node is a call such as `self._post(path_template("/v1/…", …), …)`."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _METHODS:
        return
    given = [word.value for word in node.keywords if word.arg == "method"]
    method = str(ast.literal_eval(given[0])).upper() if given else _METHODS[node.func.attr]
    where = node.args[0] if node.args else None
    if isinstance(where, ast.Call) and where.args:
        where = where.args[0]
    if isinstance(where, ast.Constant) and isinstance(where.value, str):
        yield method, where.value
    elif isinstance(where, ast.JoinedStr):
        yield method, "".join(str(ast.literal_eval(p)) if isinstance(p, ast.Constant) else "{}" for p in where.values)
    else:
        assert method == "GET", f"{file}:{node.lineno} calls a path that is not read here"


def _filled(path: str) -> str:
    return _PLACEHOLDER.sub("id-1", path.partition("?")[0])
