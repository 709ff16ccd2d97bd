"""Serve streams whose chunks say when they were sent: `python -m bench.ticker CHUNKS GAP_SECONDS`.

The format is OpenAI's. The text of a chunk is the time in ns (CLOCK_MONOTONIC, the same for all processes of a
machine). Chunks are due at fixed times from the stream's start, so that a slow machine does not stretch the gaps.
"""

import asyncio
import re
import signal
import sys
import time

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_START = b'data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o-mini","choices":['
_CHUNK = _START + b'{"index":0,"delta":{"content":"%d "}}]}\n\n'
_USAGE = _START + b'],"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}}\n\n'
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

SENT = re.compile(rb'"content":"(\d+) "')


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunks: int, gap: float) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            start = time.monotonic()
            for number in range(chunks):
                await asyncio.sleep(max(0.0, start + number * gap - time.monotonic()))
                event = _framed(_CHUNK % time.monotonic_ns())
                writer.write(_HEAD + event if number == 0 else event)
            writer.write(_framed(_USAGE) + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    chunks, gap = int(sys.argv[1]), float(sys.argv[2])
    server = await asyncio.start_server(lambda r, w: _serve(r, w, chunks, gap), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
