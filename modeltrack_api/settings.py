"""Read the API's settings from environment variables, and check them, once at the start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addons.settings.kinds import OPTIONAL_URL, ORIGINS, TOKEN, Kind, SettingError, secret, whole

CHECKOUT_DATA = Path(__file__).resolve().parent.parent / "data"
CONTAINER_DATA = Path("/data")

_PORT = whole(0, 65535)
_HOST = Kind("an IP address or host name", lambda value: _not_blank(str(value)))


def _not_blank(text: str) -> str:
    if not text.strip() or any(c.isspace() for c in text.strip()):
        raise ValueError
    return text.strip()


@dataclass(frozen=True, slots=True)
class ApiSettings:
    data_dir: Path
    db_path: Path
    host: str = "127.0.0.1"
    port: int = 3001
    token: str = field(default="", repr=False)
    """The token that every request to /api/ and /metrics must carry; "" if none is needed."""
    allowed_origins: tuple[str, ...] = ()
    """The origins whose pages may call, beside the API's own."""
    slack_webhook_url: str = field(default="", repr=False)


def data_dir(environ: Mapping[str, str]) -> Path:
    default = CONTAINER_DATA if CONTAINER_DATA.is_dir() else CHECKOUT_DATA
    return Path(environ.get("DATA_DIR") or default).expanduser().resolve()


def from_environment(environ: Mapping[str, str]) -> ApiSettings:
    """Return the settings. An empty variable counts as one that is not set.

    Raises SettingError, which never shows the value of a secret.
    """
    folder = data_dir(environ)
    return ApiSettings(
        data_dir=folder,
        db_path=Path(environ.get("DB_PATH") or folder / "modeltrack.db").expanduser().resolve(),
        host=_parsed(environ, "API_HOST", "127.0.0.1", _HOST),
        port=_parsed(environ, "PORT", "3001", _PORT),
        token=secret(environ, "API_TOKEN", TOKEN),
        allowed_origins=_parsed(environ, "ALLOWED_ORIGINS", "", ORIGINS),
        slack_webhook_url=_parsed(environ, "SLACK_WEBHOOK_URL", "", OPTIONAL_URL, is_secret=True),
    )


def _parsed(environ: Mapping[str, str], name: str, default: str, kind: Kind, is_secret: bool = False) -> Any:
    value = environ.get(name) or default
    try:
        return kind.parse(value)
    except ValueError as error:
        raise SettingError(name, "***" if is_secret else value, kind.allowed) from error


def current() -> ApiSettings:
    return from_environment(os.environ)
