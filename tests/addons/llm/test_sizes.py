"""Check that the input of a request is estimated between what it costs and four times that, whatever it consists of."""

import base64
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.files import TYPED, UNTYPED
from addons.llm.providers import PROVIDERS, WireFormat
from addons.llm.request import LLMRequest
from addons.llm.sizes import size_of

MB = 1_000_000
IMAGE = base64.b64encode(bytes(3 * MB)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(10 * MB)).decode()
TEXT = "data:image/png;base64," + "these are words, and not the bytes of an image; " * 83_000

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
CONVERSE, INVOKE = "/bedrock/model/{model}/converse", "/bedrock/model/{model}/invoke"
WIRES: dict[str, WireFormat] = {
    provider.prefix + path: wire for provider in PROVIDERS for path, wire in provider.paths.items()
}


def read(path: str, body: dict[str, Any]) -> LLMRequest:
    return WIRES[path].request({"model": "m", **body}, "m")


def user(*blocks: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def source(data: str, media_type: str) -> dict[str, str]:
    return {"type": "base64", "media_type": media_type, "data": data}


def item(*blocks: object) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(blocks)}]}


IMAGES = [
    (MESSAGES, user({"type": "image", "source": source(IMAGE, "image/png")})),
    (MESSAGES, user({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}})),
    (MESSAGES, user({"type": "image", "source": {"type": "file", "file_id": "file_1"}})),
    (
        MESSAGES,
        user({"type": "tool_result", "content": [{"type": "image", "source": source(IMAGE, "image/png")}]}),
    ),
    (
        MESSAGES,
        user(
            {
                "type": "document",
                "source": {"type": "content", "content": [{"type": "image", "source": source(IMAGE, "image/png")}]},
            }
        ),
    ),
    (CHAT, user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}})),
    (CHAT, user({"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "high"}})),
    (RESPONSES, item({"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"})),
    (RESPONSES, item({"type": "input_image", "file_id": "file_1"})),
    (
        RESPONSES,
        {
            "input": [
                {"type": "function_call_output", "output": [{"type": "input_image", "image_url": f"data:,{IMAGE}"}]}
            ]
        },
    ),
    (
        RESPONSES,
        {
            "input": [
                {
                    "type": "computer_call_output",
                    "output": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{IMAGE}"},
                }
            ]
        },
    ),
    (RESPONSES, {"input": [{"type": "image_generation_call", "result": IMAGE}]}),
    (RESPONSES, {"prompt": {"id": "p", "variables": {"x": {"type": "input_image", "image_url": f"data:,{IMAGE}"}}}}),
    (CONVERSE, user({"image": {"format": "png", "source": {"bytes": IMAGE}}})),
    (CONVERSE, user({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://a/b"}}}})),
    (CONVERSE, user({"toolResult": {"content": [{"image": {"format": "png", "source": {"bytes": IMAGE}}}]}})),
    (CONVERSE, user({"guardContent": {"image": {"format": "png", "source": {"bytes": IMAGE}}}})),
    (INVOKE, user({"type": "image", "source": source(IMAGE, "image/png")})),
    (INVOKE, user({"image": {"format": "png", "source": {"bytes": IMAGE}}})),
]


@pytest.mark.parametrize(("path", "body"), IMAGES, ids=range(len(IMAGES)))
def test_an_image_costs_what_images_cost_in_whatever_shape_it_comes(path: str, body: dict[str, Any]) -> None:
    assert 1600 <= read(path, body).input_tokens < 1700


PDFS = [
    (MESSAGES, user({"type": "document", "source": source(PDF, "application/pdf"), "title": "a"})),
    (CHAT, user({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}})),
    (CHAT, user({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}})),
    (RESPONSES, item({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"})),
    (CONVERSE, user({"document": {"format": "pdf", "name": "a", "source": {"bytes": PDF}}})),
]


@pytest.mark.parametrize(("path", "body"), PDFS, ids=range(len(PDFS)))
def test_a_pdf_of_10_mb_costs_what_its_pages_do(path: str, body: dict[str, Any]) -> None:
    assert 100_000 <= read(path, body).input_tokens <= 200_000


TEXTS = [
    (CHAT, {"messages": [{"role": "user", "content": TEXT}]}),
    (CHAT, user({"type": "text", "text": TEXT})),
    (CHAT, {"messages": [{"role": "tool", "tool_call_id": "1", "content": TEXT}]}),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f", "description": TEXT}}]}),
    (COMPLETIONS, {"prompt": TEXT}),
    (EMBEDDINGS, {"input": [TEXT]}),
    (RESPONSES, {"input": TEXT}),
    (RESPONSES, {"instructions": TEXT}),
    (RESPONSES, item({"type": "input_text", "text": TEXT})),
    (RESPONSES, {"input": [{"type": "function_call_output", "output": TEXT}]}),
    (
        RESPONSES,
        item({"type": "input_file", "file_data": base64.b64encode(TEXT.encode()).decode(), "filename": "a.py"}),
    ),
    (RESPONSES, item({"type": "input_file", "file_data": "data:text/plain;base64," + TEXT * 4, "filename": "a.pdf"})),
    (MESSAGES, user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": TEXT}})),
    (MESSAGES, user({"type": "document", "source": {"type": "content", "content": TEXT}})),
    (MESSAGES, user({"type": "tool_use", "id": "1", "name": "f", "input": {"data": TEXT, "type": "base64"}})),
    (MESSAGES, user({"type": "tool_use", "id": "1", "name": "f", "input": {TEXT: 1}})),
    (
        MESSAGES,
        user({"type": "tool_use", "input": {"content": [{"type": "image", "source": source(TEXT, "image/png")}]}}),
    ),
    (MESSAGES, {"system": [{"type": "text", "text": TEXT}]}),
    (MESSAGES, {"tools": [{"name": "f", "input_schema": {"type": "base64", "data": TEXT}}]}),
    (CONVERSE, user({"text": TEXT})),
    (CONVERSE, user({"document": {"format": "txt", "source": {"text": TEXT}}})),
    (CONVERSE, user({"document": {"format": "pdf", "source": {"content": [{"text": TEXT}]}}})),
    (CONVERSE, user({"document": {"format": "md", "source": {"bytes": base64.b64encode(TEXT.encode()).decode()}}})),
    (CONVERSE, user({"toolResult": {"content": [{"json": {"image": {"source": {"bytes": TEXT}}}}]}})),
    (CONVERSE, user({"toolUse": {"toolUseId": "1", "name": "f", "input": {"source": {"bytes": TEXT}}}})),
]


@pytest.mark.parametrize(("path", "body"), TEXTS, ids=range(len(TEXTS)))
def test_a_text_of_4_mb_costs_a_million_tokens_whatever_it_looks_like(path: str, body: dict[str, Any]) -> None:
    assert 900_000 <= read(path, body).input_tokens <= 4_000_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (EMBEDDINGS, {"input": [list(range(8000)) for _ in range(100)]}),
        (EMBEDDINGS, {"input": list(range(800_000))}),
        (COMPLETIONS, {"prompt": [list(range(8000)) for _ in range(100)]}),
    ],
    ids=range(3),
)
def test_a_token_id_is_a_token(path: str, body: dict[str, Any]) -> None:
    assert 800_000 <= read(path, body).input_tokens <= 800_040


def test_numbers_that_a_tool_gave_back_count_as_text() -> None:
    body = user({"toolResult": {"content": [{"json": {"rows": [[1.5] * 8000] * 100}}]}})
    assert 800_000 <= read(CONVERSE, body).input_tokens <= 801_000


@pytest.mark.parametrize("odd", ["\ud83d", 2**70, [[[]]] * 3])
def test_json_that_cannot_be_written_again_counts_too(odd: object) -> None:
    value: Any = odd
    for _ in range(300):
        value = {"a": value}
    assert 1000 < size_of({"tools": [{"text": "x" * 4000}, value]}).tokens < 1200


@pytest.mark.parametrize(
    ("path", "body", "seconds"),
    [
        (CHAT, user({"type": "input_audio", "input_audio": {"data": IMAGE, "format": "wav"}}), 3_000_000 / 48_000),
        (CHAT, user({"type": "input_audio", "input_audio": {"data": IMAGE, "format": "mp3"}}), 3_000_000 / 16_000),
        (RESPONSES, item({"type": "input_audio", "input_audio": {"data": IMAGE, "format": "wav"}}), 3_000_000 / 48_000),
        (CONVERSE, user({"audio": {"format": "mp3", "source": {"bytes": IMAGE}}}), 3_000_000 / 16_000),
    ],
    ids=range(4),
)
def test_audio_costs_ten_tokens_a_second(path: str, body: dict[str, Any], seconds: float) -> None:
    assert 10 * seconds <= read(path, body).input_tokens <= 40 * seconds


def test_text_that_is_not_ascii_counts_by_its_bytes() -> None:
    assert size_of({"prompt": "日本" * 100}).tokens == 150


def test_a_text_beside_a_file_counts() -> None:
    block = {"type": "document", "source": source("x" * 4000, "application/pdf"), "context": "y" * 4000}
    assert size_of(user(block)).tokens >= 4000


@pytest.mark.parametrize("label", TYPED)
def test_a_block_without_its_file_is_none(label: str) -> None:
    assert size_of(user({"type": label, "text": "x" * 400})).tokens < 110


SHAPES = botocore.session.Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
NO_FILES = {"redactedContent"}  # reasoning of an earlier turn, which the provider encrypts


def blobs(shape: Shape, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all members of a request that are bytes; a path's 0 is an item of a list."""
    if shape.type_name == "blob":
        return [at]
    if len(at) > 9:
        return []
    if isinstance(shape, StructureShape):
        return [path for name, member in shape.members.items() for path in blobs(member, (*at, name))]
    return blobs(shape.member, (*at, 0)) if isinstance(shape, ListShape) else []


@pytest.mark.parametrize("path", [path for path in blobs(SHAPES) if path[-1] not in NO_FILES], ids=str)
def test_all_bytes_that_botocores_model_of_converse_knows_are_files(path: tuple[Any, ...]) -> None:
    body: Any = IMAGE
    for step in reversed(path):
        body = {step: body} if step else [body]
    assert 10 <= read(CONVERSE, body).input_tokens <= 100_000 or "document" in path


OWN_NAMES = (
    "type source data content input messages file file_data filename image_url format bytes output toolResult variables"
    " media_type role text max_tokens n prompt json"
)
NAMES = st.sampled_from([*OWN_NAMES.split(), *TYPED, *UNTYPED])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=5),
    max_leaves=40,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from(sorted(WIRES)))
def test_no_json_makes_the_count_fail(body: dict[str, Any], path: str) -> None:
    request = WIRES[path].request({**body, "model": "m"}, "m")
    assert request.input_tokens >= 0 and request.max_output_tokens >= 0


@pytest.mark.parametrize("name", ["messages", "input", "tools"])
@pytest.mark.parametrize("inner", ["content", "x", "toolResult", ""])
def test_depth_is_no_problem(name: str, inner: str) -> None:
    value: Any = "four"
    for _ in range(100_000):
        value = {inner: value} if inner else [value]
    assert size_of({name: [value]}).tokens >= 1
