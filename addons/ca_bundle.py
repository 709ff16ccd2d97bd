"""Write one file with the system's CAs and mitmproxy's CA. `make ca-bundle` runs this.

SSL_CERT_FILE and similar variables replace a program's trust store, so the file has to hold both. mitmproxy's CA is
created if there is none.
"""

import ssl
import sys
from pathlib import Path

import certifi
from mitmproxy import certs, options

_KEY_BITS = 2048  # mitmproxy's own default


def system_cas() -> bytes:
    """Return the CAs that OpenSSL uses, in PEM, or certifi's if the system has none."""
    path = ssl.get_default_verify_paths().cafile
    candidates = [path, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", certifi.where()]
    return next(Path(found).read_bytes() for found in candidates if found and Path(found).is_file())


def write_bundle(target: Path, confdir: Path) -> None:
    certs.CertStore.from_store(confdir, "mitmproxy", _KEY_BITS)
    own = (confdir / "mitmproxy-ca-cert.pem").read_bytes()
    target.write_bytes(system_cas().rstrip() + b"\n" + own)


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "ca-bundle.pem").resolve()
    confdir = Path(sys.argv[2] if len(sys.argv) > 2 else options.CONF_DIR).expanduser()
    write_bundle(target, confdir)
    print(target)


if __name__ == "__main__":
    main()
