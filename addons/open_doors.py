"""Say in one line what the proxy leaves open, and to whom. It is logged at the start."""

from collections.abc import Sequence
from typing import Any

from addons.callers.addresses import is_loopback
from addons.settings.fields import SECRETS, SETTINGS, Settings

DOORS: dict[str, dict[Any, str]] = {
    "callers": {
        "open": "calls: from everybody, as whom they say",
        "known": "calls: from known teams",
        "keys": "calls: with a key",
    },
    "unmetered": {
        "pass": "calls that cannot be metered: passed on",
        "guard": "calls that cannot be metered: refused under a blocking budget",
        "block": "calls that cannot be metered: refused",
    },
    "bedrock_sign_for": {
        "loopback": "the proxy's AWS credentials: for this machine",
        "all": "the proxy's AWS credentials: for everybody",
        "none": "the proxy's AWS credentials: for nobody",
    },
    "status_token": {"": "status pages: for everybody", "set": "status pages: with the token"},
    "allowed_origins": {(): "web pages: only its own origin's", "set": "web pages: also of {value}"},
    "tunnel_other_hosts": {
        "loopback": "tunnels to other hosts: from this machine",
        "all": "tunnels to other hosts: from everybody",
        "none": "tunnels to other hosts: none",
    },
}
"""What the line says of a setting, by the field's name and its value; "set" is for any other value.

A field that `Settings` does not have is left out.
"""


def open_doors(settings: Settings, addresses: Sequence[tuple[str, int]]) -> str:
    """Return what is open to whom, each part with the setting that changes it."""
    parts = [_listening(addresses)]
    for name, texts in DOORS.items():
        if (value := getattr(settings, name, None)) is None:
            continue
        text = texts.get(value) or texts.get("set", str(value))
        shown = ", ".join(value) if isinstance(value, tuple) else ""
        parts.append(f"{text.format(value=shown)} ({_variable(name)})")
    return "; ".join(parts)


def _listening(addresses: Sequence[tuple[str, int]]) -> str:
    if not addresses:
        return "listens nowhere"
    shown = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}" for host, port in addresses)
    is_local = all(is_loopback(host) for host, _ in addresses)
    return f"open to {'this machine' if is_local else 'the network'} on {shown} (--listen-host)"


def _variable(name: str) -> str:
    info = SECRETS.get(name) or SETTINGS[f"modeltrack_{name}"]
    return info.env
