"""Test in which words a denial reaches the clients of each API."""

from datetime import UTC, datetime
from typing import Any

import anthropic
import httpx2
import openai
import openai.types.responses.responses_server_event as sdk
import pytest

from addons.llm.denial import Denial, budget_spent, forbidden, invalid, unauthenticated
from addons.llm.providers import PROVIDERS, WireFormat
from addons.llm.responses_socket import error_event

ANEW = datetime(2026, 12, 1, tzinfo=UTC)
REASON = "Team 't' has exceeded monthly budget of $1.00 (current: $1.20)"
SPENT = {status: budget_spent(status, REASON, ANEW) for status in (429, 402)}
WIRES: dict[str, WireFormat] = {
    f"{provider.name} {path}": wire for provider in PROVIDERS for path, wire in provider.paths.items()
}

# Each row: the denial, the type for Anthropic, the type and the code for OpenAI, and what else OpenAI's has.
WORDS: list[tuple[Denial, str, str, str, dict[str, Any]]] = [
    (unauthenticated("m"), "authentication_error", "invalid_request_error", "invalid_api_key", {}),
    (forbidden("m"), "permission_error", "invalid_request_error", "permission_denied", {}),
    (invalid(ValueError("m")), "invalid_request_error", "invalid_request_error", "invalid_request_error", {}),
    (Denial(429, "budget_reserved", "m"), "budget_reserved", "budget_reserved", "budget_reserved", {}),
    *(
        (denial, "budget_exceeded", "usage_limit_reached", "budget_exceeded", {"resets_at": int(ANEW.timestamp())})
        for denial in SPENT.values()
    ),
]


@pytest.mark.parametrize("path", WIRES)
@pytest.mark.parametrize(("denial", "anthropics", "openais", "code", "more"), WORDS)
def test_each_api_gets_its_own_words(
    path: str, denial: Denial, anthropics: str, openais: str, code: str, more: dict[str, Any]
) -> None:
    wire = WIRES[path]
    body = wire.error_body(denial)
    if wire.family == "openai":
        assert body == {"error": {"message": denial.message, "type": openais, "param": None, "code": code, **more}}
    else:
        assert body["type"] == "error" and body["error"] == {"type": anthropics, "message": denial.message}


@pytest.mark.parametrize(("denial", "anthropics", "openais", "code", "more"), WORDS)
def test_where_no_api_is_known_the_error_has_what_both_read(
    denial: Denial, anthropics: str, openais: str, code: str, more: dict[str, Any]
) -> None:
    error = {"message": denial.message, "type": anthropics, "param": None, "code": code, **more}
    assert denial.body_for_any() == {"type": "error", "error": error}


@pytest.mark.parametrize(
    ("denial", "anthropics", "openais"),
    [
        (unauthenticated("m"), anthropic.AuthenticationError, openai.AuthenticationError),
        (forbidden("m"), anthropic.PermissionDeniedError, openai.PermissionDeniedError),
        (SPENT[429], anthropic.RateLimitError, openai.RateLimitError),
    ],
)
@pytest.mark.parametrize("path", ["anthropic /v1/messages", "openai /v1/chat/completions", "none"])
def test_an_sdk_raises_its_own_error_at_the_first_try(
    path: str, denial: Denial, anthropics: type[anthropic.APIStatusError], openais: type[openai.APIStatusError]
) -> None:
    tries: list[str] = []
    wire = WIRES.get(path)
    body = wire.error_body(denial) if wire else denial.body_for_any()

    def refuse(request: httpx2.Request) -> httpx2.Response:
        tries.append(request.url.path)
        headers = denial.headers_for(wire.family if wire else "")
        return httpx2.Response(denial.status, json=body, headers=headers)

    client = httpx2.Client(transport=httpx2.MockTransport(refuse))
    if "anthropic" in path:
        with pytest.raises(anthropics, match="m") as raised:
            anthropic.Anthropic(api_key="k", base_url="http://up", http_client=client).messages.create(
                model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]
            )
        assert denial.kind in str(raised.value)
    else:
        with pytest.raises(openais, match="m") as error:
            openai.OpenAI(api_key="k", base_url="http://up/v1", http_client=client).chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}]
            )
        assert error.value.code == denial.openai_error()["code"]
    assert len(tries) == 1


@pytest.mark.parametrize("status", SPENT)
def test_on_a_websocket_the_same_is_an_event_of_the_sdk(status: int) -> None:
    event = error_event(SPENT[status], "lane")
    error = sdk.ResponseWsError.model_validate(event, strict=True)
    assert (error.status, error.error.type, error.error.code) == (status, "usage_limit_reached", "budget_exceeded")
    assert error.error.headers == event["headers"] == SPENT[status].headers_for("openai")


def test_a_spent_budget_says_what_to_do_and_until_when() -> None:
    assert SPENT[429].message == (
        f"{REASON}. Raise it in budgets.json, or wait until it starts anew on 1 December (UTC)."
    )


@pytest.mark.parametrize(("family", "is_there"), [("openai", True), ("anthropic", False), ("", False)])
def test_codex_gets_the_text_that_it_shows_in_a_header(family: str, is_there: bool) -> None:
    """Codex makes of it: "You've hit your usage limit. <text>, or try again at Dec 1st, 2026 12:00 AM."."""
    headers = SPENT[429].headers_for(family)
    assert headers["x-should-retry"] == "false" and "Retry-After" not in headers
    assert headers.get("x-codex-promo-message") == (f"{REASON}. Raise it in budgets.json" if is_there else None)
