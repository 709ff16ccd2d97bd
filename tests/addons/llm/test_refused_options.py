"""Test which answers may be the refusal of `stream_options`."""

import pytest

from addons.llm.refused_options import may_be_refusal


def error(param: object, message: str = "no") -> dict[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, error(None), True),
        (400, error("stream_options"), True),
        (400, error("stream_options.include_usage"), True),
        (422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, True),
        (400, {"error": "unknown field"}, True),
        (400, error(""), True),
        (400, None, True),
        (400, [], True),
        (400, error("messages"), False),
        (422, error("max_tokens"), False),
        (401, error("stream_options"), False),
        (429, error(None), False),
        (500, error(None), False),
        (200, error(None), False),
    ],
)
def test_a_refusal_is_a_400_or_422_that_names_no_other_parameter(status: int, answer: object, expected: bool) -> None:
    assert may_be_refusal(status, answer) is expected
