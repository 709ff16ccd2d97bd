"""Read the API's settings from environment variables, and check them, once at the start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from addons.setting_kinds import OPTIONAL_URL, Kind, SettingError, whole

CHECKOUT_DATA = Path(__file__).resolve().parent.parent / "data"
CONTAINER_DATA = Path("/data")

_PORT = whole(0, 65535)
_HOST = Kind("an IP address or host name", lambda value: _not_blank(str(value)))
_TOKEN = Kind("at least 8 characters, without white space", lambda value: _token(str(value)))


def _not_blank(text: str) -> str:
    if not text.strip() or any(c.isspace() for c in text.strip()):
        raise ValueError
    return text.strip()


def _token(text: str) -> str:
    if len(text) < 8 or any(c.isspace() for c in text):
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class ApiSettings:
    data_dir: Path
    db_path: Path
    host: str = "127.0.0.1"
    port: int = 3001
    token: str = ""
    """The token that every request to /api/ and /metrics must carry; "" if none is needed."""
    slack_webhook_url: str = ""


def data_dir(environ: Mapping[str, str]) -> Path:
    default = CONTAINER_DATA if CONTAINER_DATA.is_dir() else CHECKOUT_DATA
    return Path(environ.get("DATA_DIR") or default).expanduser().resolve()


def from_environment(environ: Mapping[str, str]) -> ApiSettings:
    """Return the settings. An empty variable counts as one that is not set.

    Raises SettingError, which never shows the value of a secret.
    """
    folder = data_dir(environ)
    token = environ.get("API_TOKEN", "")
    if token and not _is_allowed(_TOKEN, token):
        raise SettingError("API_TOKEN", "***", _TOKEN.allowed)
    return ApiSettings(
        data_dir=folder,
        db_path=Path(environ.get("DB_PATH") or folder / "modeltrack.db").expanduser().resolve(),
        host=_parsed(environ, "API_HOST", "127.0.0.1", _HOST),
        port=int(_parsed(environ, "PORT", "3001", _PORT)),
        token=token,
        slack_webhook_url=_parsed(environ, "SLACK_WEBHOOK_URL", "", OPTIONAL_URL, secret=True),
    )


def _is_allowed(kind: Kind, value: str) -> bool:
    try:
        kind.parse(value)
    except ValueError:
        return False
    return True


def _parsed(environ: Mapping[str, str], name: str, default: str, kind: Kind, secret: bool = False) -> str:
    value = environ.get(name) or default
    try:
        return str(kind.parse(value))
    except ValueError as error:
        raise SettingError(name, "***" if secret else value, kind.allowed) from error


def current() -> ApiSettings:
    return from_environment(os.environ)
