"""Run `modeltrack keys new|list|disable|rotate`."""

import argparse
import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from addons.callers.keys import Key, Provider, new_key, sha256
from addons.settings.kinds import URL
from modeltrack_api.check_config import default_folder
from modeltrack_api.cli import edits, keys_file
from modeltrack_api.cli.commands import CannotDo, Command, Group, complain
from modeltrack_api.cli.recipes import VARIABLE, recipes_for
from modeltrack_api.cli.shown import as_json, rights, table

DEFAULT_URL = "http://localhost:8080"
DEFAULT_DAYS, MOST_DAYS = 7, 3650

Clock = Callable[[], datetime]


def new(options: argparse.Namespace, now: Clock) -> None:
    key = new_key()
    entry: dict[str, Any] = {"id": "", "sha256": sha256(key)}
    for name in ("team", "app", "user", "feature", "customer_tier", "models", "providers", "expires", "note"):
        entry[name] = getattr(options, name)
    entry["credentials"] = _credentials(options.credential)
    made = keys_file.change(
        _folder(options), lambda content, file: edits.add(content, file, entry, options.id, now()), now
    )
    _show(key, made, "", options)


def list_keys(options: argparse.Namespace, now: Clock) -> None:
    keys, when = keys_file.read(_folder(options)).keys, now()
    if options.json:
        print(json.dumps([as_json(key, when) for key in keys], indent=2, ensure_ascii=False))
    else:
        print(table(keys, when) if keys else "There are no keys.")


def disable(options: argparse.Namespace, now: Clock) -> None:
    is_new = keys_file.change(_folder(options), lambda content, file: edits.disable(content, file, options.id), now)
    print(f"{options.id} {'is disabled: it opens nothing within a second' if is_new else 'was disabled already'}")


def rotate(options: argparse.Namespace, now: Clock) -> None:
    when = now()
    key = new_key()
    until = edits.time_of(options.until, "--until") if options.until else when + timedelta(days=options.days)
    if until < when:
        raise CannotDo("--until: is past; --days 0 ends the old key now")

    def edit(content: edits.Content, file: Any) -> tuple[Key, Key]:
        return edits.rotate(content, file, options.id, sha256(key), until, options.expires, when)

    old, made = keys_file.change(_folder(options), edit, now)
    if made.end is not None and old.end is not None and made.end <= old.end:
        complain(f"{made.id} ends when {old.id} does: --expires gives it another end")
    _show(key, made, f"{old.id}, in whose place it comes, ends at {edits.written(old.end or until)}.", options)


def _show(key: str, made: Key, more: str, options: argparse.Namespace) -> None:
    """Print the key, which is nowhere else from now on. Raises CannotDo where it cannot be shown."""
    text = key if options.quiet else _explained(key, made, more, options.proxy_url)
    try:
        print(text, flush=True)
    except (OSError, UnicodeError):
        raise CannotDo(f"the new key could not be shown: disable {made.id} and make another one") from None


def _explained(key: str, made: Key, more: str, url: str) -> str:
    parts = [
        "This is the new key. It is shown this once; keys.json has only its SHA-256.",
        f"export {VARIABLE}={key}",
        more,
        "What it says of calls, and what it may do:",
        rights(made),
        "It stands where the provider's key would be:",
        recipes_for(made, url),
    ]
    return "\n\n".join(filter(None, parts))


def _folder(options: argparse.Namespace) -> Path:
    try:
        folder = Path(options.data_dir).expanduser().resolve() if options.data_dir else default_folder(os.environ)
        if folder.is_dir():
            return folder
    except ValueError:
        raise CannotDo("DATA_DIR: must be the path of a directory") from None
    raise CannotDo(f"{folder}: not a folder")


def _credentials(given: list[str]) -> dict[str, str]:
    """Read `openai=env:NAME`. No error shows what was given, which may be a credential itself."""
    found: dict[str, str] = {}
    for text in given:
        provider, _, reference = text.partition("=")
        if provider not in get_args(Provider) or not re.match(r"env:|file:", reference):
            raise CannotDo(
                "--credential: must be PROVIDER=env:NAME or PROVIDER=file:/path, with one of the providers "
                + ", ".join(get_args(Provider))
            )
        if found.setdefault(provider, reference) != reference:
            raise CannotDo(f"--credential: {provider} has two")
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _days(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or int(text) > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST_DAYS}")
    return int(text)


def _url(text: str) -> str:
    try:
        return str(URL.parse(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be {URL.allowed}") from None


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="", help="the folder of keys.json (default: DATA_DIR, or data/)")


def _shown(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="print the key and nothing else")
    parser.add_argument("--proxy-url", type=_url, default=DEFAULT_URL, help=f"for the examples ({DEFAULT_URL})")
    _where(parser)


def _new_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team", required=True, help="the team whose calls these are")
    parser.add_argument("--app", default="", help="the team's app; without it the caller's headers may say it")
    parser.add_argument("--user", default="", help="who uses it, likewise")
    parser.add_argument("--feature", default="", help="what it is used for, likewise")
    parser.add_argument("--customer-tier", default="", help="for whom it is used, likewise")
    parser.add_argument("--models", type=_names, default=[], help="models that it may ask for, such as claude-*,gpt-4o")
    parser.add_argument("--providers", type=_names, default=[], help=f"of {', '.join(get_args(Provider))}")
    parser.add_argument("--expires", default="", help="the last day (2027-06-30), or a time (2027-06-30T12:00:00Z)")
    parser.add_argument(
        "--credential", action="append", default=[], metavar="PROVIDER=env:NAME", help="a provider's own key for it"
    )
    parser.add_argument("--note", default="", help="what people should know of it")
    parser.add_argument("--id", default="", help="its name (default: team, app and a number)")
    _shown(parser)


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    _where(parser)


def _disable_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the key's id")
    _where(parser)


def _rotate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the id of the key that is to be replaced")
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--days", type=_days, default=DEFAULT_DAYS, help=f"for how long the old key is still valid ({DEFAULT_DAYS})"
    )
    when.add_argument("--until", default="", help="its last day, or the time from which it is valid no more")
    parser.add_argument("--expires", default="", help="the new key's end, or never (default: as the old one's was)")
    _shown(parser)


GROUP = Group(
    "keys",
    "Make and manage the keys of callers, in data/keys.json.",
    (
        Command("new", "Make a key, and print it this once.", _new_options, new),
        Command("list", "List the keys.", _list_options, list_keys),
        Command("disable", "Make a key invalid.", _disable_options, disable),
        Command("rotate", "Make a key that takes the place of another one.", _rotate_options, rotate),
    ),
)
