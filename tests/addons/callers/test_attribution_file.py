"""Test data/attribution.json: what it adds to the built-in sources, and which headers it keeps here or passes on."""

from typing import Any

import orjson
import pytest

from addons.callers.attribution import Attribution, attribute, from_body, own_headers
from addons.callers.attribution_file import AttributionFile
from addons.callers.sent_anyway import TABLE
from addons.ledger.validation import InvalidFile, parse_model

USER = "user_5dd07c33_account__session_d2e70091"


def parsed(**content: Any) -> AttributionFile:
    return parse_model(AttributionFile, orjson.dumps(content))


def read(file: AttributionFile, sent: dict[str, str], body: Any = None, family: str = "openai") -> Attribution:
    said = own_headers([(name.encode(), value.encode()) for name, value in sent.items()], "", file.table)
    return from_body(body or {}, family, attribute(said, ""), file.table)


def test_an_empty_file_is_the_built_in_table() -> None:
    assert parsed().table.all == TABLE


@pytest.mark.parametrize(
    ("source", "sent", "body", "expected"),
    [
        ({"header": "X-Team", "label": "team"}, {"x-team": "t"}, None, Attribution(team="t")),
        ({"header": "X-Ctx", "json": "who.team", "label": "team"}, {"x-ctx": '{"who": {"team": "t"}}'}, None, "t"),
        ({"header": "X-Tags", "tag": "cost-center", "label": "team"}, {"x-tags": "a, Cost_Center: t"}, None, "t"),
        ({"body": "metadata.team", "label": "team"}, {}, {"metadata": {"team": "t"}}, "t"),
        ({"body": "metadata.who", "json": "team", "label": "team"}, {}, {"metadata": {"who": '{"team": "t"}'}}, "t"),
        ({"body": "litellm_metadata.tenant", "label": "team"}, {}, {"litellm_metadata": {"tenant": 7}}, "7"),
        ({"body": "metadata.team", "label": "team"}, {}, {"metadata": ["team"]}, ""),
        ({"body": "metadata.team", "label": "team"}, {}, {"metadata": {"team": {"name": "t"}}}, ""),
    ],
)
def test_a_source_of_the_file_gives_its_label(
    source: dict[str, str], sent: dict[str, str], body: Any, expected: Attribution | str
) -> None:
    who = read(parsed(sources=[source]), sent, body)
    assert who == (Attribution(team=expected) if isinstance(expected, str) else expected)


def test_the_files_sources_come_before_the_built_in_ones() -> None:
    file = parsed(sources=[{"header": "X-User", "label": "user"}, {"header": "X-Account", "label": "user"}])
    sent = {"helicone-user-id": "built in", "x-account": "second", "x-user": "first"}
    assert read(file, sent).user == "first"
    assert read(file, sent | {"x-user": ""}).user == "second"
    assert read(file, {"helicone-user-id": "built in"}).user == "built in"


def test_without_defaults_only_the_files_sources_are_read() -> None:
    file = parsed(sources=[{"header": "X-User", "label": "user"}], defaults=False)
    assert read(file, {"helicone-team": "t", "session-id": "s", "x-user": "u"}, {"user": "b"}) == Attribution(user="u")
    assert read(parsed(defaults=False), {"session-id": "s"}, {"user": "b"}) == Attribution()


def test_a_source_that_is_built_in_is_read_as_it_is_there() -> None:
    file = parsed(
        sources=[{"body": "metadata.user_id", "label": "session_id"}, {"header": "traceparent", "label": "trace_id"}],
        defaults=False,
    )
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    who = read(file, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}, {"metadata": {"user_id": USER}}, "anthropic")
    assert who == Attribution(session_id="d2e70091", trace_id=trace)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"source": []}, "source: unknown key"),
        ({"sources": [{"header": "X-Team"}]}, "sources.0.label: is required"),
        ({"sources": [{"header": "X-Team", "label": "group"}]}, "sources.0.label: "),
        ({"sources": [{"header": "X-Team", "label": "key_id"}]}, "sources.0.label: "),
        ({"sources": [{"label": "team"}]}, "sources.0: must have either `header` or `body`"),
        (
            {"sources": [{"header": "a", "body": "b", "label": "team"}]},
            "sources.0: must have either `header` or `body`",
        ),
        ({"sources": [{"header": "X Team", "label": "team"}]}, "sources.0.header: "),
        ({"sources": [{"header": "", "label": "team"}]}, "sources.0.header: "),
        (
            {"sources": [{"header": "X-ModelTrack-Team", "label": "app"}]},
            "sources.0.header: this header is ModelTrack's",
        ),
        ({"sources": [{"header": "Authorization", "label": "user"}]}, "sources.0.header: this header has a credential"),
        ({"sources": [{"header": "x-api-key", "label": "user"}]}, "sources.0.header: this header has a credential"),
        ({"sources": [{"header": "api-key", "label": "user"}]}, "sources.0.header: this header has a credential"),
        ({"sources": [{"header": "Helicone-Auth", "label": "user"}]}, "sources.0.header: this header has a credential"),
        (
            {"sources": [{"header": "X-Amz-Security-Token", "label": "user"}]},
            "sources.0.header: this header has a cred",
        ),
        ({"sources": [{"header": "Cookie", "label": "user"}]}, "sources.0.header: this header has a credential"),
        ({"sources": [{"header": "Host", "label": "app"}]}, "sources.0.header: this header says how"),
        ({"sources": [{"body": "messages.0.content", "label": "app"}]}, "sources.0.body: this field is part of"),
        ({"sources": [{"body": "prompt", "label": "app"}]}, "sources.0.body: this field is part of the conversation"),
        ({"sources": [{"body": "metadata..team", "label": "app"}]}, "sources.0.body: "),
        ({"sources": [{"body": ".".join("abcdefghi"), "label": "app"}]}, "sources.0.body: "),
        ({"sources": [{"body": "user", "label": "app", "pass_on": False}]}, "sources.0: `pass_on` is for headers"),
        ({"sources": [{"header": "a", "json": "b", "tag": "c", "label": "app"}]}, "sources.0: cannot have both"),
        ({"sources": [{"header": "a", "json": 5, "label": "app"}]}, "sources.0.json: "),
        (
            {"sources": [{"header": "X-Team", "label": "team"}, {"header": "x-team", "label": "team"}]},
            "two sources read the label 'team' from the same place 'x-team'",
        ),
        (
            {
                "sources": [
                    {"header": "X-Who", "json": "team", "label": "team", "pass_on": True},
                    {"header": "X-Who", "json": "app", "label": "app", "pass_on": False},
                ]
            },
            "two sources say of the header 'x-who' that it is and is not passed on",
        ),
        ({"sources": [{"header": f"X-{n}", "label": "app"} for n in range(201)]}, "sources: "),
        ({"defaults": "perhaps"}, "defaults: "),
        ({"gateways_upstream": ["kong"]}, "gateways_upstream.0: "),
    ],
)
def test_a_mistake_is_named_in_one_line(content: Any, problem: str) -> None:
    with pytest.raises(InvalidFile) as raised:
        parsed(**content)
    assert raised.value.problems[0].startswith(problem), raised.value.problems


@pytest.mark.parametrize("header", ["X-Auth-Request-Email", "X-Forwarded-User", "X-Author", "cf-access-user"])
def test_a_header_in_which_a_proxy_names_its_user_may_be_read(header: str) -> None:
    assert read(parsed(sources=[{"header": header, "label": "user"}]), {header: "ann"}).user == "ann"
