"""Read the settings from the environment and from mitmproxy's options."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from addons.settings.fields import MITMPROXY_SETTINGS, OPTION_PREFIX, SECRETS, SETTINGS, Info, Settings
from addons.settings.kinds import Raw, SettingError, SettingErrors, secret


def from_environment(environ: Mapping[str, str]) -> dict[str, Raw]:
    """Return the options that the environment sets, by option name. An empty variable counts as not set.

    Raises SettingErrors, which names all that are wrong.
    """
    environ = {"BEDROCK_REGION": environ.get("AWS_REGION", ""), **environ}
    values: dict[str, Raw] = {}
    errors: list[SettingError] = []
    for option, info in (SETTINGS | MITMPROXY_SETTINGS).items():
        if text := environ.get(info.env, "").strip():
            try:
                value = _parsed(info.env, info, text)
            except SettingError as error:
                errors.append(error)
            else:
                values[option] = value if isinstance(value, int) else text if isinstance(value, tuple) else str(value)
    if errors:
        raise SettingErrors(errors)
    return values


def secrets_from(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets by the name of their field. Raises SettingError, which never shows one."""
    return {name: secret(environ, info.env, info.kind) for name, info in SECRETS.items()}


def refuse_secrets(options: Collection[str]) -> None:
    """Raise SettingError if a secret is among these names of options, because options are shown."""
    for name, info in SECRETS.items():
        if OPTION_PREFIX + name in options:
            allowed = f"set by {info.env} or {info.env}_FILE in the environment, because mitmproxy shows its options"
            raise SettingError(OPTION_PREFIX + name, "***", allowed)


def from_options(options: Mapping[str, Raw], secrets: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Return the settings that the options hold, with the secrets. Raises SettingError."""
    values: dict[str, Any] = {**secrets}
    values |= {name.removeprefix(OPTION_PREFIX): _parsed(name, info, options[name]) for name, info in SETTINGS.items()}
    return Settings(**values)


def _parsed(name: str, info: Info, value: Raw) -> Any:
    try:
        return info.kind.parse(value)
    except ValueError as error:
        raise SettingError(name, value, info.kind.allowed) from error
