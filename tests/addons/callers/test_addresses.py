import pytest

from addons.callers.addresses import is_address, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::1%lo", "::ffff:127.0.0.1"]
)
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "evil.com", "localhost.evil.com"])
def test_others_may_reach_any_other_host(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("text", "expected"), [("1.2.3.4", True), ("::1", True), ("1.2.3", False), ("[::1]", False), ("", False)]
)
def test_an_address_is_told_from_a_name(text: str, expected: bool) -> None:
    assert is_address(text) is expected
