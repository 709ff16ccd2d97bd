"""Run the command `modeltrack`, which is `python -m modeltrack_api.cli` in a checkout."""

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from modeltrack_api.cli import keys
from modeltrack_api.cli.commands import BAD_USE, FAILED, CannotDo, complain, parser_of

GROUPS = (keys.GROUP,)


def _now() -> datetime:
    return datetime.now(UTC)


def main(arguments: Sequence[str] | None = None, now: Callable[[], datetime] = _now) -> int:
    """Do what the command line says, and return the exit code."""
    options = parser_of(GROUPS).parse_args(arguments)
    try:
        options.run(options, now)
        sys.stdout.flush()
    except CannotDo as error:
        complain(error)
        return BAD_USE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python says so again at its end
        return FAILED
    except OSError as error:
        hint = " (run it as the user of the proxy)" if isinstance(error, PermissionError) else ""
        complain(f"{error.filename or 'modeltrack'}: {error.strerror or type(error).__name__}{hint}")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
