import json
from decimal import Decimal

import pytest

from modeltrack_api.collector.aws import AwsCosts
from modeltrack_api.collector.source import SourceError
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import DAY, SECRET_KEY
from tests.modeltrack_api.collector.fakes import FakeAws, group

EC2 = "Amazon Elastic Compute Cloud - Compute"
JSON_1_1 = "application/x-amz-json-1.1"


@pytest.fixture
def source(aws: FakeAws, teams: Teams) -> AwsCosts:
    return AwsCosts(teams, "team", 2, has_opencost=False)


def test_it_asks_for_one_day_by_service_and_tag(aws: FakeAws, source: AwsCosts) -> None:
    source.collect(DAY)
    assert aws.asked == [
        {
            "TimePeriod": {"Start": "2026-11-20", "End": "2026-11-21"},
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost"],
            "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "team"}],
        }
    ]


def test_a_service_is_an_event_of_the_tags_team(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[group(EC2, "ml-research", "412.3456789012")]]
    [event] = source.collect(DAY)
    found = json.loads(event.line(), parse_float=Decimal)
    assert found.pop("event_id") == event.event_id
    assert found == {
        "timestamp": "2026-11-20T00:00:00.000000Z",
        "event_type": "aws_infrastructure",
        "provider": "aws",
        "cost_usd": Decimal("412.345678901"),
        "team": "ml-research",
        "service": EC2,
    }


def test_what_has_no_tag_is_the_default_teams(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[group("Amazon S3", "", "1.5")]]
    assert source.collect(DAY)[0].team == "platform"


def test_all_pages_are_read(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[group(EC2, f"team{page}", "0.1")] for page in range(5)]
    events = source.collect(DAY)
    assert [event.team for event in events] == [f"team{page}" for page in range(5)]
    assert sum(event.cost_nanos or 0 for event in events) == 500_000_000


def test_pages_without_end_are_an_error(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[] for _ in range(101)]
    with pytest.raises(SourceError, match="more than 100 pages"):
        source.collect(DAY)


def test_figures_that_the_bill_may_change_are_marked(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[group(EC2, "product", "1")]]
    aws.estimated = True
    assert source.collect(DAY)[0].usage_estimated


def test_credits_count_and_nothing_is_no_event(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [[group(EC2, "product", "-2.5"), group("AWS Lambda", "product", "0.0000000001")]]
    assert [event.cost_nanos for event in source.collect(DAY)] == [-2_500_000_000]


def test_models_on_bedrock_are_left_to_the_proxy(aws: FakeAws, source: AwsCosts) -> None:
    aws.days["2026-11-20"] = [
        [group("Amazon Bedrock", "product", "9"), group("Claude Sonnet 4.6 (Amazon Bedrock Edition)", "product", "9")]
    ]
    assert source.collect(DAY) == []


def test_with_opencost_the_machines_of_clusters_are_left_out(aws: FakeAws, teams: Teams) -> None:
    AwsCosts(teams, "team", 2, has_opencost=True).collect(DAY)
    assert aws.asked[0]["Filter"] == {"Tags": {"Key": "aws:eks:cluster-name", "MatchOptions": ["ABSENT"]}}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([group(EC2, "product", "10", unit="CNY")], "amounts in CNY, and only USD can be counted"),
        ([group(EC2, "product", "NaN")], "an amount of NaN"),
        ([group(EC2, "product", "1e12")], r"an amount of 1E\+12"),
        ([group(EC2, "product", "lots")], "a group without an amount"),
        ([{"Keys": [EC2, "team$a"], "Metrics": {}}], "a group without an amount"),
        ([group(EC2, "product", "1") | {"Keys": [EC2]}], "a group without the two keys"),
    ],
)
def test_figures_that_make_no_sense_are_an_error(
    aws: FakeAws, source: AwsCosts, groups: list[dict[str, object]], message: str
) -> None:
    aws.days["2026-11-20"] = [groups]
    with pytest.raises(SourceError, match=message):
        source.collect(DAY)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            400,
            b'{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/x is not\\nauthorized"}',
            "GetCostAndUsage: AccessDeniedException: User: arn:aws:iam::1:user/x is notauthorized",
        ),
        (400, b'{"__type":"DataUnavailableException","Message":"not there"}', "GetCostAndUsage: DataUnavailable"),
        (404, b"<html>", "GetCostAndUsage: "),
        (200, b"<html>", "GetCostAndUsage: not an answer"),
    ],
)
def test_errors_of_aws_are_one_line(aws: FakeAws, source: AwsCosts, status: int, body: bytes, message: str) -> None:
    aws.reply = (status, JSON_1_1, body)
    with pytest.raises(SourceError) as raised:
        source.collect(DAY)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    assert SECRET_KEY not in str(raised.value)


@pytest.mark.usefixtures("new_clients")
def test_without_credentials(aws: FakeAws, source: AwsCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceError, match="Unable to locate credentials"):
        source.collect(DAY)


@pytest.mark.usefixtures("new_clients")
def test_credentials_that_come_later_are_found(aws: FakeAws, source: AwsCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(SourceError):
            source.collect(DAY)
    assert source.collect(DAY) == []


@pytest.mark.usefixtures("new_clients")
def test_without_a_server(aws: FakeAws, source: AwsCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = FakeAws()
    closed.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed.url)
    with pytest.raises(SourceError, match="Could not connect"):
        source.collect(DAY)
