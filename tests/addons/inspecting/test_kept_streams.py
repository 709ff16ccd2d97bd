"""Test that streamed answers are kept for later, in bounded memory."""

import gc
import weakref
from pathlib import Path

from addons.core import Core
from addons.inspecting.inspector import Watch
from addons.inspecting.kept_streams import KeptStreams, Tee

from ..cores import settings
from .calls import kept, left_out, make_flow, stream


def test_a_streamed_answer_can_be_looked_at_afterwards(watch: Watch) -> None:
    assert kept(stream(watch, [b"data: 1\n\n", b"data: 2\n\n"])) == b"data: 1\n\ndata: 2\n\n"


def test_as_the_client_got_it(watch: Watch) -> None:
    """CostLogger takes events out of a stream that the client did not ask for."""
    flow = make_flow()
    assert flow.response
    tee = Tee(lambda chunk: [b"kept"] if chunk == b"a" else [], KeptStreams(), flow, 100, 100)
    assert [tee(b"a"), tee(b"b"), tee(b"")] == [[b"kept"], [], []]
    tee.finish()
    assert kept(flow) == b"kept"


def test_of_a_long_stream_the_beginning_is_kept(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=10)
    flow = stream(watch, [b"12345678", b"12345678", b"1"])
    assert (kept(flow), left_out(flow)) == (b"1234567812", 7)


def test_the_oldest_streams_make_room_for_new_ones(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_max_bytes=20)
    flows = [stream(watch, [bytes([n]) * 8]) for n in range(4)]
    assert [kept(flow) for flow in flows] == [None, None, b"\2" * 8, b"\3" * 8]
    assert [left_out(flow) for flow in flows] == [8, 8, 0, 0]


def test_streams_under_way_count_as_well(core: Core) -> None:
    streams, flows = KeptStreams(), [make_flow(), make_flow()]
    first, second = (Tee(True, streams, flow, 100, 10) for flow in flows)
    first(b"12345678")
    second(b"12345678")
    second(b"1")
    first.finish()
    second.finish()
    assert [kept(flow) for flow in flows] == [b"12345678", b"message"]  # the body that tflow made: nothing was kept
    assert left_out(flows[1]) == 9
    assert streams.size == 8


def test_nothing_is_kept_where_that_is_switched_off(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=0)
    assert kept(stream(watch, [b"12345678"])) is None


def test_a_kept_stream_goes_with_its_flow() -> None:
    streams = KeptStreams()
    flows = [make_flow(), make_flow()]
    for flow in flows:
        tee = Tee(True, streams, flow, 100, 1000)
        tee(b"x" * 100)
        tee.finish()
    reference = weakref.ref(flows.pop(0))
    del flow, tee
    gc.collect()
    assert reference() is None
    assert streams.make_room(1, 1000)
    streams.keep(flows[0], 1)
    assert streams.size == 101
