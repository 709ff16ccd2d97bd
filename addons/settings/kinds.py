"""Define how the value of a setting is read, and what it may be."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ADDONS_DIR = Path(__file__).resolve().parent.parent
DEFAULT_DATA_DIR = "../data"
_NAME = r"[^\x00-\x1f\x7f]{0,256}"

Raw = str | int | bool
"""A value that a mitmproxy option can hold."""


class SettingError(ValueError):
    """Says in one line which variable or option is wrong, what its value is, and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        shown = re.sub(r"//[^/@]*@", "//***@", str(value))
        super().__init__(f"{name}: {shown[:100]!r} is not allowed: must be {allowed}")


class SettingErrors(SettingError):
    """Says so of several, in one line each."""

    def __init__(self, errors: Iterable[SettingError]) -> None:
        ValueError.__init__(self, "\n".join(map(str, errors)))


class Kind(NamedTuple):
    """Says how a value is read; `parse` raises ValueError for a value that is not `allowed`."""

    allowed: str
    parse: Callable[[Raw], Any]


def _boolean(value: Raw) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    word = str(value).strip().lower()
    if word not in words:
        raise ValueError(word)
    return words[word]


def _whole(minimum: int, maximum: int, value: Raw) -> int:
    if isinstance(value, str) and not re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        raise ValueError(value)
    number = int(value)
    if not minimum <= number <= maximum:
        raise ValueError(value)
    return number


def _one_of(words: tuple[str, ...], value: Raw) -> str:
    word = str(value).strip().lower()
    if word not in words:
        raise ValueError(word)
    return word


def _url(optional: bool, value: Raw) -> str:
    text = str(value).strip().rstrip("/")
    parts = urlsplit(text)
    bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in text
    if (text or not optional) and (bad or parts.port == 0):
        raise ValueError(text)
    return text


def _matching(pattern: str, value: Raw) -> str:
    text = str(value).strip()
    if not re.fullmatch(pattern, text):
        raise ValueError(text)
    return text


_ORIGIN = re.compile(r"(?:[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[^\s/?#@:,*\[\]\"\\]+)(?::[0-9]{1,5})?|file://)/?")


def _origins(value: Raw) -> tuple[str, ...]:
    """Read origins, and return them as browsers write them: in lower case, without a port that is the default."""
    found = [text.strip().lower() for text in str(value).split(",") if text.strip()]
    if not all(map(_ORIGIN.fullmatch, found)):
        raise ValueError(value)
    return tuple(dict.fromkeys(map(_as_browsers_write, found)))


def _as_browsers_write(origin: str) -> str:
    if origin == "file://":
        return origin
    origin = origin.removesuffix("/")
    scheme, _, rest = origin.partition("://")
    port = urlsplit(origin).port  # raises ValueError
    default = {"http": 80, "https": 443}.get(scheme)
    return f"{scheme}://{rest.rpartition(':')[0]}" if port is not None and port == default else origin


def _token(value: Raw) -> str:
    text = str(value)
    if len(text) < 8 or any(c.isspace() for c in text):
        raise ValueError
    return text


def _directory(value: Raw) -> Path:
    """Resolve a path; the default counts from `addons/`: it is the checkout's `data/` wherever the proxy is started."""
    text = str(value).strip()
    if not text or "\0" in text:
        raise ValueError(value)
    return (ADDONS_DIR if text == DEFAULT_DATA_DIR else Path.cwd()).joinpath(os.path.expanduser(text)).resolve()


def _names(value: Raw) -> tuple[str, ...]:
    return tuple(_matching(_NAME, name) for name in str(value).split(",") if name.strip())


def one_of(*words: str) -> Kind:
    return Kind(" or ".join([", ".join(words[:-1]), words[-1]]), partial(_one_of, words))


def number_of(*numbers: int) -> Kind:
    words = one_of(*map(str, numbers))
    return Kind(words.allowed, lambda value: int(words.parse(value)))


def whole(minimum: int, maximum: int = 2**53) -> Kind:
    limits = f"from {minimum} to {maximum}" if maximum < 2**53 else f"{minimum} or more"
    return Kind(f"a whole number, {limits}", partial(_whole, minimum, maximum))


BOOLEAN = Kind("true or false", _boolean)
URL = Kind("a URL such as https://host or https://host:8443/prefix", partial(_url, False))
OPTIONAL_URL = Kind("empty, or a URL such as https://host or https://host:8443/prefix", partial(_url, True))
DIRECTORY = Kind("the path of a directory", _directory)
REGION = Kind("an AWS region such as us-east-1", partial(_matching, r"[a-z0-9-]{1,40}"))
API_VERSION = Kind("v1, or a date such as 2024-10-21", partial(_matching, r"v1|\d{4}-\d{2}-\d{2}(-preview)?"))
NAME = Kind("at most 256 characters on one line", partial(_matching, _NAME))
NAMES = Kind("names of at most 256 characters, with commas between them", _names)
ORIGINS = Kind("origins such as https://app.example.com, separated by commas", _origins)
TOKEN = Kind("at least 8 characters, without white space", _token)

_MOST_SECRET_BYTES = 64 * 2**10


def secret(environ: Mapping[str, str], name: str, kind: Kind) -> str:
    """Return a secret: the value of the variable, or what is in the file that `<name>_FILE` names; "" without either.

    A newline at the end of the file is left out. Raises SettingError, which never shows the secret.
    """
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if value and path:
        raise SettingError(f"{name}_FILE", path, f"empty where {name} is set")
    if path:
        try:
            with open(path, encoding="utf-8") as file:
                value = file.read(_MOST_SECRET_BYTES).rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise SettingError(f"{name}_FILE", path, "the path of a text file that can be read") from error
        if not value:
            raise SettingError(f"{name}_FILE", path, "the path of a file that is not empty")
    try:
        return str(kind.parse(value)) if value else ""
    except ValueError:
        raise SettingError(f"{name}_FILE" if path else name, "***", kind.allowed) from None
