"""Clients that do not wait until the proxy has started: after a crash, they are all there before it is."""

from collections.abc import Callable

from tests.e2e.conftest import SCRIPTS, Proxy


def test_a_client_that_has_left_before_the_start_is_over_does_not_end_the_proxy(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy("--listen-port", "0", start=False)  # so that mitmproxy listens before this script is there
    proxy.use("mitmdump", SCRIPTS / "early.py")
    proxy.start().ready()
    assert "a client has left" in proxy.log and "Traceback" not in proxy.log
    assert proxy.get("/stats")["connections"]["now"] == 1
