"""Tell whether what the project uses of mitmproxy is still what it was made for.

A path names it: a module, a colon and a name in the module, as in `mitmproxy.optmanager:_Option.current`.
"""

import dis
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from types import FunctionType
from typing import Any

from mitmproxy import version

ATTRIBUTE: Any = object()
"""Stands for an attribute that only the instances of a class have."""


@dataclass(frozen=True, slots=True)
class Function:
    """Names a function, a class or a constant of mitmproxy, and lists every form of it that is known."""

    path: str
    forms: Mapping[str, tuple[str, ...]]
    """The releases of mitmproxy that have a form, by its fingerprint."""

    def deviation(self, trusts_version: bool = False) -> str:
        """Return what is not as expected, "" where all is.

        Where mitmproxy is installed without its source there is no fingerprint: then only `trusts_version` lets the
        releases pass that the forms are listed for.
        """
        try:
            found = fingerprint(resolve(self.path))
        except LookupError:
            return f"{described(self.path)} is missing"
        if found in self.forms:
            return ""
        if not found and trusts_version and not has_source(self.path):
            releases = {release for known in self.forms.values() for release in known}
            return "" if version.VERSION in releases else f"{described(self.path)} has no source to check"
        expected = " or ".join(f"{form} ({', '.join(releases)})" for form, releases in self.forms.items())
        return f"{described(self.path)} has fingerprint {found or 'none'}, expected {expected}"


@dataclass(frozen=True, slots=True)
class Name:
    """Says that a name of mitmproxy is used: it must exist, and be called in the way that `signature` says."""

    path: str
    signature: str = ""
    """Parameters without types, as in `(coro, *, name, client=None)`; "" where it does not matter."""
    releases: tuple[str, ...] = ()
    """The releases of mitmproxy that have it; () for all."""

    def deviation(self) -> str:
        """Return what is not as expected, "" where all is."""
        if self.releases and version.VERSION not in self.releases:
            return ""
        try:
            found = resolve(self.path)
        except LookupError:
            return f"{self.path} is missing"
        if self.signature and signature(found) != self.signature:
            return f"{self.path} has signature {signature(found)}, expected {self.signature}"
        return ""


def described(path: str) -> str:
    """Return a path, with the version of its package where that is not mitmproxy, such as h11 or wsproto."""
    package = path.partition(".")[0].partition(":")[0]
    if package == "mitmproxy" or package in sys.stdlib_module_names:
        return path
    try:
        return f"{path} of {package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return path


def resolve(path: str) -> Any:
    """Return what a path names, ATTRIBUTE for what only instances have. Raises LookupError."""
    module_name, _, names = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise LookupError(path) from error
    for name in filter(None, names.split(".")):
        if hasattr(found, name):
            found = getattr(found, name)
        elif isinstance(found, type) and any(_sets(owner, name) for owner in found.__mro__):
            found = ATTRIBUTE
        else:
            raise LookupError(path)
    return found


def _sets(owner: type, name: str) -> bool:
    """Tell whether a class declares an attribute of its instances, or a method of it sets one."""
    if name in vars(owner).get("__annotations__", {}):
        return True
    codes = (value.__code__ for value in vars(owner).values() if isinstance(value, FunctionType))
    return any(
        step.opname == "STORE_ATTR" and step.argval == name for code in codes for step in dis.get_instructions(code)
    )


def has_source(path: str) -> bool:
    """Tell whether the module of a path is installed with its source."""
    try:
        return bool(inspect.getsource(importlib.import_module(path.partition(":")[0])))
    except (OSError, TypeError):
        return False


def fingerprint(found: Any) -> str:
    """Return the hash of a function's source, the text of a constant, or the full name of a class.

    A function of the standard library, which differs between versions of Python, goes by its name too. "" stands for a
    function without source, and for one that another package has wrapped.
    """
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, type):
        return f"{found.__module__}.{found.__qualname__}"
    if not callable(found):
        return repr(found)
    try:
        *wrappers, innermost = _layers(found)
        if {_package(wrapper) for wrapper in wrappers} - {_package(innermost), "contextlib", "functools"}:
            return ""
        if _package(innermost) in sys.stdlib_module_names and isinstance(innermost, FunctionType):
            return f"{innermost.__module__}.{innermost.__qualname__}"
        source = inspect.getsource(innermost.__code__)
    except (AttributeError, OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _layers(found: Any) -> Iterator[Any]:
    """Yield a function, the one that it wraps, and so on; `inspect` alone would show the innermost of them."""
    while found is not None:
        yield found
        found = getattr(found, "__wrapped__", None)


def _package(function: Any) -> str:
    """Return the package whose code a function is; `functools.lru_cache` makes one that is in no Python code."""
    name: str = function.__globals__["__name__"] if hasattr(function, "__globals__") else "functools"
    return name.partition(".")[0]


def signature(found: Any) -> str:
    """Return the parameters of a function without their types."""
    try:
        full = inspect.signature(found)
    except (TypeError, ValueError):
        return ""
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in full.parameters.values()]
    return str(full.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
