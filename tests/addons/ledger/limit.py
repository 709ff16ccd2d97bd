"""Read and replace the number in limit.json."""

import json
from pathlib import Path


def parse(data: bytes) -> int:
    number = json.loads(data)
    if not isinstance(number, int):
        raise ValueError("must be\na number")
    return number


def replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)
