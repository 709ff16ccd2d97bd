import subprocess
import sys
from pathlib import Path

from addons.ca_bundle import system_cas
from tests import ROOT


def test_the_bundle_holds_the_systems_cas_and_mitmproxys(tmp_path: Path) -> None:
    """This runs the command of `make ca-bundle`."""
    command = [sys.executable, "-m", "addons.ca_bundle", str(tmp_path / "ca-bundle.pem"), str(tmp_path / "confdir")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(tmp_path / "ca-bundle.pem")
    bundle = (tmp_path / "ca-bundle.pem").read_bytes()
    own = (tmp_path / "confdir" / "mitmproxy-ca-cert.pem").read_bytes()
    assert bundle.endswith(own) and bundle.startswith(system_cas().rstrip())
    assert bundle.count(b"BEGIN CERTIFICATE") == system_cas().count(b"BEGIN CERTIFICATE") + 1 > 20
    assert b"PRIVATE KEY" not in bundle
