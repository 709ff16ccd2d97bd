"""What is logged where no connection can be accepted."""

import asyncio
import errno
import os
import socket
from typing import Any

import pytest

from addons.engine.connections.accepting import Accepting


class Exhausted(socket.socket):
    """A listener of a process that has no files left."""

    attempts = 0

    def accept(self) -> Any:
        self.attempts += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class World:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.rooms = 0
        self.others: list[dict[str, Any]] = []
        self.accepting = Accepting(self.make_room, lambda: self.seconds)
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(self.other)
        self.accepting.begin()

    def make_room(self) -> None:
        self.rooms += 1

    def other(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.others.append(context)

    def fail(self, error: BaseException, message: str = "socket.accept() out of system resource") -> None:
        self.loop.call_exception_handler({"message": message, "exception": error})


def test_a_hundred_attempts_of_asyncio_make_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        world = World()
        with Exhausted() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.setblocking(False)
            server = await asyncio.start_server(lambda reader, writer: None, sock=listener)
            with socket.create_connection(listener.getsockname()):
                while not listener.attempts:
                    await asyncio.sleep(0)
            server.close()
        assert listener.attempts == 100 and world.rooms == 1 and not world.others

    asyncio.run(run())
    [record] = caplog.records
    assert "Too many open files" in record.getMessage() and "ulimit -n" in record.getMessage()


def test_there_is_a_line_every_ten_seconds_and_room_is_made_every_second(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        world = World()
        for tenth in range(250):
            world.seconds = tenth / 10
            world.fail(OSError(errno.ENFILE, "files"))
        assert world.rooms == 25

    asyncio.run(run())
    found = [record.getMessage() for record in caplog.records]
    assert [text.partition(";")[0] for text in found] == [
        f"connections could not be accepted ({attempts} attempts" for attempts in (1, 100, 100)
    ]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EMFILE, "files"), "Task exception was never retrieved"),
        (OSError(errno.ECONNABORTED, "gone"), "socket.accept() out of system resource"),
        (ValueError("x"), "socket.accept() out of system resource"),
    ],
)
def test_all_else_is_reported_as_before(error: Exception, message: str) -> None:
    async def run() -> None:
        world = World()
        world.fail(error, message)
        assert [context["exception"] for context in world.others] == [error] and not world.rooms
        world.accepting.end()
        assert world.loop.get_exception_handler() == world.other

    asyncio.run(run())
