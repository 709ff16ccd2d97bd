"""Unquoted: keep what a client sends out of errors and logs where mitmproxy quotes it.

Its check of headers quotes those it refuses in the flow's error. At LOG_LEVEL=debug it logs, in hexadecimal, what a
client has sent while that is too little to tell its protocol.
"""

import logging
from typing import Any

from mitmproxy.net.http import validate
from mitmproxy.proxy.layers import http as http_layers

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import UNQUOTED

_LOGGER = logging.getLogger("mitmproxy.addons.next_layer")


def validate_headers(message: Any) -> None:
    try:
        validate.validate_headers(message)
    except ValueError:
        raise ValueError("invalid headers") from None


def _holds_no_bytes(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Deferring layer decision")


class Unquoted(Fix):
    name = "unquoted"
    relies_on = UNQUOTED
    replacements = (Replacement(http_layers, "validate_headers", validate_headers),)

    def load(self, loader: object) -> None:
        super().load(loader)
        _LOGGER.addFilter(_holds_no_bytes)

    def done(self) -> None:
        _LOGGER.removeFilter(_holds_no_bytes)
        super().done()
