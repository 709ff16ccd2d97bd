"""Measure what mitmproxy's upstream connections cost: one for each client connection, kept alive or not, TLS or not.

The certificate is made for this run (RSA 2048, as providers have) and is verified.
"""

import datetime
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.load import load, load_once_each
from bench.targets import Target, modeltrack, write_settings
from bench.throughput import Rounds, all_different, prepared, run
from demo.fake_provider.server import FakeProvider

CLIENTS = 4


def make_certificate(path: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1 and its key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = builder.add_extension(addresses, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


@contextmanager
def targets() -> Iterator[list[Target]]:
    """Start ModelTrack twice: before a plain provider, and before one with TLS."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modeltrack-bench-"))) for _ in range(2)]
        pem = folders[1] / "server.pem"
        make_certificate(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        found = []
        for name, folder, tls in (("plain", folders[0], None), ("TLS", folders[1], context)):
            write_settings(folder)
            upstream = stack.enter_context(FakeProvider(record=False, tls=tls)).url
            trust = ["--set", f"ssl_verify_upstream_trusted_ca={pem}"] if tls else []
            found.append(stack.enter_context(modeltrack(folder, upstream, *trust, name=name)))
        yield found


def compare(seconds: float, rounds: int) -> list[tuple[str, Rounds]]:
    """Return the figures of each way to connect, by its name."""
    sums = {(kept, tls): Rounds() for kept in ("kept alive", "one request each") for tls in ("plain", "TLS")}
    post = prepared(1000)
    with targets() as found:
        for number in range(rounds + 1):
            for (kept, tls), total in sums.items():
                target = found[tls == "TLS"]
                before = target.cpu()
                how = load if kept == "kept alive" else load_once_each
                result = run(target, all_different(post), CLIENTS, seconds, how)
                if number:
                    total.add(result, target.cpu() - before)
    return [(f"{tls} upstream, connections {kept}", total) for (kept, tls), total in sums.items()]
