"""Run what depends on mitmproxy on each release that is supported, each in an environment of its own.

`make test-versions` does that. requirements.lock has the newest of the releases, which is in .venv; for another one,
requirements-mitmproxy-….lock has what is different, and .venv-mitmproxy-… is made of both. `make lock` writes them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from addons.engine.touchpoints.releases import RELEASES
from tests import ROOT
from tests.e2e.conftest import Proxy, until

TESTS = (
    "tests/addons/engine",
    *(f"tests/addons/{name}" for name in ("inspecting", "test_cost_logger.py", "test_tunnels.py", "test_signing.py")),
    "tests/e2e/websocket",
    "tests/e2e/absent",
    "tests/e2e/books",
    *(f"tests/e2e/proxy/test_{name}.py" for name in ("streams", "bad_input", "connect", "tunnels")),
    *(f"tests/e2e/operations/test_{name}.py" for name in ("start", "fast_dispatch", "other_mitmproxy")),
)
_FEWER = {"BOOKS_CALLS": "300"}
"""Fewer of the random calls than `make test` makes, which are enough to use each part of mitmproxy."""
LEFT_OUT = (
    "tests/e2e/proxy/test_bad_input.py::test_a_bad_variable_stops_the_start_with_one_line",
    "tests/e2e/proxy/test_bad_input.py::test_a_broken_file_stops_the_start_with_one_line",
    "tests/e2e/operations/test_start.py::test_the_command_line_wins_over_the_environment_and_that_over_config_yaml",
)
"""They start many proxies to try ModelTrack's own settings and files; `make test` runs them on the locked release."""
LOCK = ROOT / "requirements.lock"
_WHERE = "python_full_version < '3.15'"
"""Beyond it genai-prices needs a later typing_extensions than mitmproxy 12.2.3 allows."""


def other_lock(release: str) -> Path:
    return ROOT / f"requirements-mitmproxy-{release}.lock"


def blocks(lock: str) -> dict[str, str]:
    """Return each requirement's lines by the first of them, which has its version and where it holds."""
    found = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]
    return {block.partition("\n")[0]: block for block in found}


def package(requirement: str) -> str:
    return requirement.partition("==")[0]


def differing(lock: str, other: str) -> str:
    """Return the requirements of all packages that another lock has in other versions."""
    known = blocks(lock)
    found = blocks(other)
    packages = {package(requirement) for requirement in found.keys() ^ known.keys()}
    return "".join(block for requirement, block in found.items() if package(requirement) in packages)


def exchanged(lock: str, other: str) -> str:
    """Return a lock with the requirements of some packages replaced by those of another lock."""
    replaced = {package(requirement) for requirement in blocks(other)}
    kept = [block for requirement, block in blocks(lock).items() if package(requirement) not in replaced]
    return "".join([*kept, *blocks(other).values()])


def write_locks(compile_command: list[str]) -> None:
    """Write what differs from requirements.lock, as uv finds it, for each release that is not in it."""
    for release in RELEASES[:-1]:
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copy(LOCK, folder)  # uv keeps the versions that it finds in its output
            constraint = Path(folder, "constraint")
            constraint.write_text(f"mitmproxy=={release} ; {_WHERE}\n")
            subprocess.run([*compile_command, "-c", constraint, "-o", copy], check=True)
            found = differing(LOCK.read_text(), re.sub(r"^ +#.*\n", "", Path(copy).read_text(), flags=re.MULTILINE))
        head = f"# What is different from requirements.lock with mitmproxy {release}. `make lock` writes it.\n"
        other_lock(release).write_text(head + found)


def environment(release: str) -> Path:
    """Return the folder of an environment that has a release, made if there is none or its locks have changed."""
    folder = ROOT / ".venv"
    if release != RELEASES[-1]:
        folder = ROOT / f".venv-mitmproxy-{release}"
        wanted = exchanged(LOCK.read_text(), other_lock(release).read_text())
        installed = folder / "installed.lock"
        if not installed.exists() or installed.read_text() != wanted:
            install(folder, wanted)
            installed.write_text(wanted)
    command = [folder / "bin/python", "-c", "from mitmproxy.version import VERSION; print(VERSION)"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if found != release:
        sys.exit(f"{folder} has mitmproxy {found}, not {release}: remove it, and run this again")
    return folder


def install(folder: Path, lock: str) -> None:
    print(f"Installing into {folder.name} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    wanted = folder / "wanted.lock"
    wanted.write_text(lock)
    pip = [folder / "bin/python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", wanted], check=True)


def start_log(folder: Path, release: str) -> list[str]:
    """Return what a start logs, without what differs from one start to the next."""
    with tempfile.TemporaryDirectory() as place:
        proxy = Proxy(Path(place), {})
        proxy._command[0] = str(folder / "bin/mitmdump")
        try:
            proxy.start().ready()
            until(lambda: "] open to " in proxy.log)
            text = proxy.log
        finally:
            proxy.stop()
    for pattern, name in [
        (r"\[\d\d:\d\d:\d\d\.\d+\]", "[time]"),
        (r":\d+\b", ":port"),
        (re.escape(release), "version"),
    ]:
        text = re.sub(pattern, name, text)
    return text.replace(place, "folder").splitlines()


def run() -> int:
    """Run the tests on each release, compare what the starts log, and return 1 if any of that fails."""
    logs = {}
    failed = []
    deselect = [f"--deselect={name}" for name in LEFT_OUT]
    for release in RELEASES:
        folder = environment(release)
        print(f"mitmproxy {release}, in {folder.name}:", flush=True)
        logs[release] = start_log(folder, release)
        if subprocess.run(
            [folder / "bin/python", "-m", "pytest", "-q", "-n", "2", *deselect, *TESTS],
            cwd=ROOT,
            env=os.environ | _FEWER,
        ).returncode:
            failed.append(f"the tests fail on mitmproxy {release}")
    expected = logs[RELEASES[-1]]
    for release, lines in logs.items():
        if lines != expected:
            failed.append(f"mitmproxy {release} and {RELEASES[-1]} log different starts: {lines} and {expected}")
    print("\n".join(failed) or f"All is well on mitmproxy {', '.join(RELEASES)}; their starts log the same.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(write_locks(sys.argv[2:]) if sys.argv[1:2] == ["lock"] else run())
