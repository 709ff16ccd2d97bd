"""Define what a command is, and how it says that it cannot be done."""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, NoReturn

BAD_USE, FAILED = 2, 1
"""Exit codes: what was asked for makes no sense, or something on the system is in the way."""

_SECRET = re.compile(
    r"(?:mt|sk)-[\w-]{16,}|[0-9A-Fa-f]{32,}|(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{24,}", re.ASCII
)
"""What may be a key or a hash, ours or a provider's: somebody may have put it where an id belongs."""

_KEPT = 3


class CannotDo(Exception):
    """What was asked for cannot be done. The text is one line for the user, and nothing was changed."""


class Command(NamedTuple):
    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], None]
    """Adds the command's options to its parser."""
    run: Callable[[argparse.Namespace, Callable[[], datetime]], None]
    """Does it. It gets the options and a clock, and raises CannotDo and OSError."""


class Group(NamedTuple):
    """Names commands that are about the same thing, such as `modeltrack keys …`."""

    name: str
    help: str
    commands: tuple[Command, ...]


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, and end."""
        complain(f"{message} (see {self.prog} --help)")
        sys.exit(BAD_USE)


def parser_of(groups: tuple[Group, ...]) -> Parser:
    parser = Parser(prog="modeltrack", description="Manage ModelTrack.", allow_abbrev=False)
    by_group = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in groups:
        inner = by_group.add_parser(group.name, help=group.help, description=group.help, allow_abbrev=False)
        by_name = inner.add_subparsers(title="commands", metavar="COMMAND", required=True)
        for command in group.commands:
            found = by_name.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
            command.options(found)
            found.set_defaults(run=command.run)
    return parser


def complain(text: object) -> None:
    """Write one line to standard error, without what may be a key or the hash of one."""
    line = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else "?" for c in line)
    print(f"modeltrack: {_SECRET.sub(lambda match: match[0][:_KEPT] + '…', shown)}", file=sys.stderr)
