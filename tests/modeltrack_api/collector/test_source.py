from datetime import UTC, datetime, timedelta

import pytest

from modeltrack_api.collector.opencost import OpenCost
from modeltrack_api.collector.source import Window, due, event_id
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import HOUR, NOW

WEEK = timedelta(days=7)


@pytest.fixture
def source(teams: Teams) -> OpenCost:
    return OpenCost("http://127.0.0.1:1", teams)


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "now", "starts"),
    [
        (at(10), at(11, 30), [at(10)]),
        (at(10), at(11, 9), []),  # the lag is 10 minutes
        (at(10), at(11, 10), [at(10)]),
        (at(11), at(11, 30), []),
        (at(8), at(11, 30), [at(8), at(9), at(10)]),
        (at(8, 20), at(10, 30), [at(8), at(9)]),  # not a multiple of an hour: somebody edited the file
        (at(0, day=25), at(11, 30), []),
    ],
)
def test_windows_are_due_when_they_have_settled(
    source: OpenCost, until: datetime, now: datetime, starts: list[datetime]
) -> None:
    assert list(due(source, until, now, WEEK)) == [Window(start, start + timedelta(hours=1)) for start in starts]


@pytest.mark.parametrize("until", [None, at(0, day=1)])
def test_what_was_missed_is_made_up_for_within_bounds(source: OpenCost, until: datetime | None) -> None:
    windows = list(due(source, until, NOW, timedelta(days=1)))
    assert windows[0].start == NOW.replace(minute=0) - timedelta(days=1)
    assert windows[-1] == HOUR
    assert len(windows) == 24


def test_a_state_from_the_future_does_not_stop_the_collector_for_long(source: OpenCost) -> None:
    """The collector goes on with the next window."""
    far = at(0).replace(year=2036)
    assert list(due(source, far, NOW, WEEK)) == []


def test_an_id_says_what_an_event_is_about(source: OpenCost) -> None:
    later = Window(HOUR.end, HOUR.end + timedelta(hours=1))
    ids = [event_id(source, HOUR, "a"), event_id(source, HOUR, "b"), event_id(source, later, "a")]
    assert len({*ids, event_id(source, HOUR, "a", "b"), event_id(source, HOUR, "ab")}) == 5
    assert event_id(source, HOUR, "a") == ids[0]
    # Released versions make this id. With another one, events that are in users' logs would be written a second time.
    assert ids[0] == "a2b8a17e-c5f1-59ae-a93d-8ff696bffb38"
