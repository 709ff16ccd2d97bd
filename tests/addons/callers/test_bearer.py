import hmac

import pytest

from addons.callers import bearer
from addons.callers.bearer import shows_token

TOKEN = "s3cr3t-f00-token"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_is_recognised(header: str) -> None:
    assert shows_token(header, TOKEN)


@pytest.mark.parametrize(
    "header",
    ["", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9", "Bearer \udce9"],
)
def test_nothing_else_is(header: str) -> None:
    assert not shows_token(header, TOKEN)


def test_the_time_of_the_comparison_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    digest = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return digest(a, b)

    monkeypatch.setattr(bearer.hmac, "compare_digest", compare)
    assert not shows_token("Bearer other", TOKEN) and not shows_token(f"Basic {TOKEN}", TOKEN)
    assert compared == [(b"other", TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())]
