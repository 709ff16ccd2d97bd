"""Read how much memory a proxy has taken at most."""

from pathlib import Path

from tests.e2e.conftest import Proxy


def peak_mb(proxy: Proxy) -> float:
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
