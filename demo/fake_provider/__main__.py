"""Start a fake provider and print its address: `python -m demo.fake_provider --port 9999 --gap 0.02`."""

import argparse
import asyncio
import signal
import sys
from dataclasses import fields

from demo.fake_provider.answers import Reply
from demo.fake_provider.server import FakeProvider


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.fake_provider", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-record", dest="record", action="store_false")
    for item in fields(Reply):
        parser.add_argument(f"--{item.name.replace('_', '-')}", type=type(item.default), default=item.default)
    provider = FakeProvider(**vars(parser.parse_args()))

    async def run() -> None:
        serving = asyncio.ensure_future(provider.serve(lambda: print(provider.url, flush=True)))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        await asyncio.gather(serving, return_exceptions=True)
        if not serving.cancelled() and (problem := serving.exception()):
            sys.exit(f"fake provider: {problem}")

    asyncio.run(run())


if __name__ == "__main__":
    main()
