"""A client that sends bytes and waits for an end, and a provider that answers with bytes, whatever they are."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.e2e.fuzz.corpus import call
from tests.e2e.fuzz.mutations import mutated, pieces

SECONDS = 40
"""How long a connection may say nothing until its end: longer than the proxy's own limits on heads."""
_AT_ONCE = 32


class _Silent(Exception):
    """Nothing goes on any more. TimeoutError would be an OSError, as a close is."""


async def _within[T](seconds: float, step: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(step, seconds)
    except TimeoutError:
        raise _Silent from None


class Unanswered(Exception):
    """A connection got neither an answer nor a close; the message has what reproduces it."""


async def _ask(port: int, sent: Sequence[bytes], leaves: bool, seconds: float) -> bytes:
    """Send pieces, say that nothing follows, and return what comes until the close; `leaves` does not wait for it.

    Raises _Silent where nothing goes on for so many seconds: some send hundreds of requests, each of which is
    answered.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        with contextlib.suppress(OSError):  # it closes while we still send
            for piece in sent:
                writer.write(piece)
                await _within(seconds, writer.drain())
                await asyncio.sleep(0)
            if leaves:
                return b""
            writer.write_eof()
        with contextlib.suppress(OSError):
            while data := await _within(seconds, reader.read(65536)):
                found += data[: 1000 - len(found)] if len(found) < 1000 else b""
        return found
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def send_all(
    port: int, seed: int, numbers: range, corpus: Sequence[bytes], patience: float = 0
) -> dict[str, int]:
    """Send the requests of these numbers, and return how many answers there were by status.

    Raises Unanswered; with `patience`, in seconds, those that come to no end within it are counted instead.
    """

    def prepared(number: int) -> tuple[list[bytes], bool]:
        rng = random.Random(f"{seed} {number}")
        return pieces(rng, mutated(rng, corpus)), rng.random() < 0.05

    return await _send(port, numbers, prepared, patience)


async def send_whole(port: int, numbers: range) -> dict[str, int]:
    """Send a call for each number, which the provider answers by it; half of them ask for a stream."""

    def prepared(number: int) -> tuple[list[bytes], bool]:
        return [call(number)], False

    return await _send(port, numbers, prepared)


async def _send(
    port: int, numbers: range, prepared: Callable[[int], tuple[list[bytes], bool]], patience: float = 0
) -> dict[str, int]:
    statuses: dict[str, int] = {}
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            sent, leaves = prepared(number)
            try:
                found = await _ask(port, sent, leaves, patience or SECONDS)
            except _Silent:
                if patience:
                    statuses["unanswered"] = statuses.get("unanswered", 0) + 1
                    continue
                raise Unanswered(f"number {number}: {b''.join(sent)[:2000]!r}") from None
            status = found[9:12].decode("latin-1") if found.startswith(b"HTTP/1.") else "left" if leaves else "closed"
            statuses[status] = statuses.get(status, 0) + 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
    return statuses


class RawProvider:
    """Reads a request's head and body, answers with the mutation that the request's header asks for, and closes."""

    def __init__(self, seed: int, corpus: Sequence[bytes]) -> None:
        self._seed, self._corpus = seed, corpus
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(headers.get(b"content-length", b"0")))
            self.asked += 1
            rng = random.Random(f"{self._seed} {int(headers[b'x-number'])}")
            for piece in pieces(rng, mutated(rng, self._corpus)):
                writer.write(piece)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
