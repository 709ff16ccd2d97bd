"""Check SECURITY.md: each default that leaves something open stands there as it is."""

import re

from addons.open_doors import DOORS
from addons.settings.fields import MITMPROXY_SETTINGS, SECRETS, SETTINGS, Settings
from modeltrack_api.settings import ApiSettings
from tests import ROOT
from tests.documents import names, rows

TEXT = (ROOT / "SECURITY.md").read_text()
API = {"API_TOKEN": "token", "API_HOST": "host"}
"""Settings of the API by variable, with the name of their field."""


def table() -> dict[str, str]:
    """Return the default that the table gives for each setting."""
    return {names(row[1])[0]: row[2] for row in rows(TEXT) if len(row) == 4}


def shown(default: object) -> str:
    return f"`{default}`" if default else "none"


def test_each_default_is_that_of_the_setting() -> None:
    infos = {info.env: info for info in [*SETTINGS.values(), *SECRETS.values(), *MITMPROXY_SETTINGS.values()]}
    for variable, default in table().items():
        if variable in API:
            assert default == shown(ApiSettings.__dataclass_fields__[API[variable]].default)
        elif variable != "listen_host":  # an option of mitmproxy's
            assert default == shown(infos[variable].default), variable


def test_every_setting_that_the_line_at_the_start_names_is_in_the_table() -> None:
    infos = {name.removeprefix("modeltrack_"): info for name, info in SETTINGS.items()} | SECRETS
    fields = Settings.__dataclass_fields__
    assert {infos[name].env for name in DOORS if name in fields} <= set(table())


def test_what_is_promised_and_what_is_not_have_sections() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert headings == [
        "Reporting",
        "What is promised",
        "What is trusted",
        "What each default leaves open",
        "What it does not protect against",
    ]
