"""Check JSON that people write against a pydantic model; each problem is one line that says where it is."""

import json
import re
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class InvalidFile(ValueError):
    """A file with mistakes. Its text is the first problem and how many more there are; `problems` has all."""

    def __init__(self, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


def parse_model[M: BaseModel](model: type[M], data: bytes) -> M:
    """Return the model that the file describes. Raises InvalidFile with one line for each problem."""
    try:
        text = data.decode("utf-8-sig")
        # The text is parsed twice, because pydantic accepts NaN, and the last of two equal keys, without a word.
        json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        return model.model_validate_json(text)
    except UnicodeDecodeError as error:
        raise InvalidFile([f"not UTF-8 text, at byte {error.start}"]) from error
    except json.JSONDecodeError as error:
        raise InvalidFile([f"not valid JSON: {error.msg}, line {error.lineno} column {error.colno}"]) from error
    except RecursionError as error:
        raise InvalidFile(["not valid JSON: nested too deeply"]) from error
    except ValidationError as error:
        raise InvalidFile([problem(item) for item in error.errors(include_url=False)]) from error
    except ValueError as error:
        raise InvalidFile([str(error)]) from error


def problem(error: ErrorDetails) -> str:
    """Return pydantic's error as one line, such as `budgets.2.monthly_limit: must be greater than 0`."""
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = re.sub(r"^[\w ]+ should (be|have) ", r"must \1 ", message)
    message = {"Field required": "is required", "Extra inputs are not permitted": "unknown key"}.get(message, message)
    if error["type"] in ("literal_error", "enum"):
        message += f", not {repr(error['input'])[:60]}"
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {message}".removeprefix(": ")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")
