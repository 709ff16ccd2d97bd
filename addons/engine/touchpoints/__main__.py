"""Print what the project uses of mitmproxy, and whether it is as expected."""

import sys

from mitmproxy import version

from addons.engine import touchpoints
from addons.engine.checking import Function, Name, fingerprint, resolve, signature
from addons.engine.touchpoints.releases import RELEASES


def _found(touchpoint: Function | Name) -> str:
    """Return the fingerprint of a function, or the signature of what is only called."""
    try:
        found = resolve(touchpoint.path)
    except LookupError:
        return ""
    return fingerprint(found) if isinstance(touchpoint, Function) else signature(found)


def main() -> int:
    """Print each touchpoint by file, with what is found, and return 1 if one is not as expected."""
    print(f"mitmproxy {version.VERSION}; supported: {', '.join(RELEASES)}")
    changed = 0
    for file in sorted(touchpoints.FUNCTIONS.keys() | touchpoints.NAMES.keys()):
        print(file)
        for each in touchpoints.listed(file):
            problem = each.deviation()
            changed += bool(problem)
            print(f"  CHANGED {problem}" if problem else f"  known   {each.path} {_found(each)}".rstrip())
    print(f"{changed} changed")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
