"""Test what is read of the headers and bodies that clients send anyway, by the built-in table."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.callers.attribution import Attribution, attribute, from_body, own_headers
from addons.callers.sent_anyway import SOURCES, TABLE
from addons.callers.sources import MOST_JSON, Source, Sources

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
DEVICE = "5dd07c33da27e6d2968d94ea20bf47a7b090b6b158b82328d54da2909a108e84"
ACCOUNT = "0f4c0a5e-3f1c-4e59-8f0a-93b1f0a6c1de"
SESSION = "d2e70091-3007-41a3-a916-cb8b0d3098de"


def in_headers(sent: Mapping[str, str], sources: Sources = SOURCES) -> Attribution:
    fields = [(name.encode(), value.encode()) for name, value in sent.items()]
    return attribute(own_headers(fields, "x-keep", sources), "")


def of(body: Any, family: str, who: Attribution | None = None, sources: Sources = SOURCES) -> Attribution:
    return from_body(body, family, who or Attribution(), sources)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"X-Claude-Code-Session-Id": SESSION}, Attribution(session_id=SESSION), id="Claude Code"),
        pytest.param({"session-id": "s", "thread-id": "t"}, Attribution(session_id="s"), id="Codex"),
        pytest.param({"session_id": "s", "conversation_id": "s"}, Attribution(session_id="s"), id="older Codex"),
        pytest.param({"x-session-id": "ses_1"}, Attribution(session_id="ses_1"), id="opencode"),
        pytest.param({"traceparent": TRACEPARENT, "tracestate": "a=b"}, Attribution(trace_id=TRACE), id="tracing"),
        pytest.param({"x-litellm-customer-id": "c1"}, Attribution(user="c1"), id="LiteLLM, customer"),
        pytest.param({"x-litellm-end-user-id": "c1"}, Attribution(user="c1"), id="LiteLLM, end user"),
        pytest.param(
            {"x-litellm-spend-logs-metadata": '{"user_id": "12345", "project_id": "p", "team": "product"}'},
            Attribution(user="12345", team="product"),
            id="LiteLLM, metadata",
        ),
        pytest.param(
            {"x-litellm-tags": "production, team: product ,App:chatbot,jobID:1,feature:"},
            Attribution(team="product", app="chatbot"),
            id="LiteLLM, tags",
        ),
        pytest.param(
            {"x-litellm-session-id": "s", "x-litellm-trace-id": "t"},
            Attribution(session_id="s", trace_id="t"),
            id="LiteLLM, session",
        ),
        pytest.param(
            {
                "x-portkey-metadata": '{"_user": "user-9821", "environment": "production", "team": "growth",'
                ' "feature": "document-summary", "session_id": "sess-1", "request_id": "req"}',
                "x-portkey-trace-id": "req-1",
            },
            Attribution(
                user="user-9821", team="growth", feature="document-summary", session_id="sess-1", trace_id="req-1"
            ),
            id="Portkey",
        ),
        pytest.param(
            {"Helicone-User-Id": "ann@example.com", "Helicone-Session-Id": "s", "Helicone-Prompt-Id": "p"},
            Attribution(user="ann@example.com", session_id="s", prompt_template="p"),
            id="Helicone",
        ),
        pytest.param(
            {
                "Helicone-Property-Team": "product",
                "Helicone-Property-App": "mobile",
                "Helicone-Property-Feature": "chat",
                "Helicone-Property-CustomerTier": "gold",
                "Helicone-Property-Environment": "production",
            },
            Attribution(team="product", app="mobile", feature="chat", customer_tier="gold"),
            id="Helicone, properties",
        ),
        pytest.param({"User-Agent": "OpenAI/Python", "X-Request-Id": "1"}, Attribution(), id="nothing"),
    ],
)
def test_a_header_that_a_client_sends_anyway_gives_its_label(sent: dict[str, str], expected: Attribution) -> None:
    assert in_headers(sent) == expected


@pytest.mark.parametrize(
    ("body", "family", "expected"),
    [
        pytest.param({"user": "u"}, "openai", Attribution(user="u"), id="OpenAI's older field"),
        pytest.param({"user": "u", "safety_identifier": "s"}, "openai", Attribution(user="s"), id="OpenAI"),
        pytest.param({"metadata": {"user_id": "u", "team": "t"}}, "openai", Attribution(), id="OpenAI's metadata"),
        pytest.param({"metadata": {"user_id": "u-1"}}, "anthropic", Attribution(user="u-1"), id="Anthropic"),
        pytest.param({"user": "u", "safety_identifier": "s"}, "anthropic", Attribution(), id="not Anthropic's"),
        pytest.param(
            {"metadata": {"user_id": f"user_{DEVICE}_account_{ACCOUNT}_session_{SESSION}"}},
            "anthropic",
            Attribution(user=ACCOUNT, session_id=SESSION),
            id="Claude Code",
        ),
        pytest.param(
            {"metadata": {"user_id": f"user_{DEVICE}_account__session_{SESSION}"}},
            "anthropic",
            Attribution(user=DEVICE, session_id=SESSION),
            id="Claude Code without an account",
        ),
        pytest.param(
            {"metadata": {"user_id": json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": SESSION})}},
            "anthropic",
            Attribution(user=DEVICE, session_id=SESSION),
            id="newer Claude Code without an account",
        ),
        pytest.param(
            {"metadata": {"user_id": json.dumps({"session_id": SESSION, "account_uuid": ACCOUNT, "new": [1]})}},
            "anthropic",
            Attribution(user=ACCOUNT, session_id=SESSION),
            id="newer Claude Code",
        ),
        pytest.param({"metadata": {"user_id": 42}}, "anthropic", Attribution(user="42"), id="a number"),
        pytest.param({"metadata": {"user_id": "{half"}}, "anthropic", Attribution(user="{half"), id="half a JSON text"),
    ],
)
def test_a_field_that_a_client_sends_anyway_gives_its_label(body: Any, family: str, expected: Attribution) -> None:
    assert of(body, family) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE[:-1]}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7",
        TRACE,
    ],
)
def test_an_invalid_traceparent_says_nothing(value: str) -> None:
    assert in_headers({"traceparent": value}) == Attribution()


def test_a_traceparent_of_a_later_version_may_have_more() -> None:
    assert in_headers({"traceparent": f"01-{TRACE}-00f067aa0ba902b7-01-more"}).trace_id == TRACE


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "5", "null", '"text"', "{}", '{"_user": {"a": 1}}', '{"_user": true}']
)
def test_json_of_another_form_says_nothing(value: str) -> None:
    assert in_headers({"x-portkey-metadata": value}) == Attribution()


def test_json_is_read_up_to_a_size_and_a_depth() -> None:
    def padded(size: int) -> str:
        head, tail = '{"_user": "u", "x": "', '"}'
        return head + "x" * (size - len(head) - len(tail)) + tail

    assert in_headers({"x-portkey-metadata": padded(MOST_JSON)}).user == "u"
    assert in_headers({"x-portkey-metadata": padded(MOST_JSON + 1)}).user == ""
    assert in_headers({"x-portkey-metadata": '{"_user": "u", "x": ' + "[" * 4000 + "]" * 4000 + "}"}).user == ""


def test_values_are_cleaned_as_those_of_modeltracks_own_headers() -> None:
    metadata = json.dumps({"_user": "  a\r\nb\u200b  ", "team": "\u200b", "feature": "x" * 300})
    who = in_headers({"x-portkey-metadata": metadata})
    assert (who.user, who.team, who.feature) == ("ab\u200b", "", "x" * 256)
    assert of({"user": " \x00u\ud83d "}, "openai").user == "u?"


def test_each_source_fills_what_those_before_it_left_open() -> None:
    sent = {
        "helicone-property-team": "of helicone",
        "helicone-property-app": "of helicone",
        "helicone-user-id": "of helicone",
        "helicone-session-id": "of helicone",
        "traceparent": TRACEPARENT,
        "x-portkey-metadata": '{"_user": "of portkey", "team": "of portkey"}',
        "x-portkey-trace-id": "of portkey",
        "session-id": "of codex",
    }
    who = in_headers(sent)
    assert who == Attribution("of portkey", "of helicone", "", "", "of codex", "of portkey", "", "of portkey")
    own = {"x-modeltrack-team": "own", "x-modeltrack-user": "own"}
    said = own_headers([(name.encode(), value.encode()) for name, value in (sent | own).items()])
    who = attribute(said, "by default", ("of the url", "of the url"))
    assert (who.team, who.app, who.user, who.by_default) == ("own", "of the url", "own", False)
    who = attribute(said, "by default", ("", ""), {"team": "of the key", "user": "of the key", "key_id": "k"})
    assert (who.team, who.app, who.user, who.key_id) == ("of the key", "of helicone", "of the key", "k")


def test_a_body_fills_only_what_is_still_open() -> None:
    body = {"metadata": {"user_id": f"user_{DEVICE}_account_{ACCOUNT}_session_{SESSION}"}}
    assert of(body, "anthropic", Attribution(user="u")) == Attribution(user="u", session_id=SESSION)
    assert of(body, "anthropic", Attribution("t", session_id="s")) == Attribution("t", session_id="s", user=ACCOUNT)
    who = Attribution(user="u", session_id="s")
    assert of(body, "anthropic", who) is who


def test_the_default_team_gives_way_to_one_that_the_body_names_and_no_other_team_does() -> None:
    sources = Sources([Source(label="team", body="metadata.team")])
    default = attribute({}, "everybody")
    assert default.by_default
    named = of({"metadata": {"team": "product"}}, "openai", default, sources)
    assert (named.team, named.by_default) == ("product", False)
    chosen = attribute({"x-modeltrack-team": "everybody"}, "everybody")
    assert of({"metadata": {"team": "product"}}, "openai", chosen, sources) is chosen


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("helicone-property-team", "a", "b"),
        ("session-id", "a", "b"),
        ("x-portkey-metadata", '{"team": "a"}', '{"team": "b"}'),
        ("x-litellm-tags", "team:a", "team:b"),
    ],
)
def test_two_headers_that_differ_are_named_and_not_quoted(name: str, one: str, two: str) -> None:
    with pytest.raises(ValueError, match=f"^the header {name} comes twice, with two different values$"):
        own_headers([(name.encode(), one.encode()), (name.title().encode(), two.encode())])
    own_headers([(name.encode(), one.encode()), (name.encode(), b" "), (name.encode(), one.encode())])


def test_of_two_traceparents_the_first_counts() -> None:
    other = TRACEPARENT.replace("4bf", "4bd")
    said = own_headers([(b"traceparent", TRACEPARENT.encode()), (b"traceparent", other.encode())])
    assert attribute(said, "").trace_id == TRACE


def test_each_source_says_who_sends_it_and_which_document_says_so() -> None:
    labels = {item.name for item in fields(Attribution)}
    for source in TABLE:
        assert source.label in labels and source.client and source.origin.startswith("https://")
        assert source.header == source.header.lower() and bool(source.header) != bool(source.body)
    assert len({source.place for source in TABLE}) == len(TABLE)


NAMES = st.sampled_from([source.header for source in TABLE if source.header])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["_user", "team", "user_id", "x"]), inner),
)
FORMS = st.sampled_from(["user_{}_account_{}_session_{}", "00-{}-{}-01", "team:{},app:{}", '{{"session_id":"{}"}}'])
TEXTS = st.text(max_size=300) | FORMS.flatmap(lambda form: st.text().map(lambda text: form.format(*[text] * 3)))


@given(st.lists(st.tuples(NAMES, st.binary(max_size=300) | JSON.map(lambda value: dumped(value)))))
def test_no_header_raises_but_one_that_comes_twice(sent: list[tuple[str, bytes]]) -> None:
    who = attribute(own_headers(list({name: (name.encode(), value) for name, value in sent}.values())), "")
    for item in fields(who):
        assert item.name == "by_default" or len(getattr(who, item.name)) <= 256


def dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return b"{"


@given(JSON | TEXTS, st.sampled_from(["openai", "anthropic"]))
def test_no_body_raises(value: Any, family: str) -> None:
    for body in ({"user": value, "safety_identifier": value, "metadata": value}, {"metadata": {"user_id": value}}):
        who = of(body, family)
        assert len(who.user) <= 256 and len(who.session_id.splitlines()) <= 1
