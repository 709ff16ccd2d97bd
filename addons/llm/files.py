"""Estimate the tokens of files in a request: what files of a kind usually cost, and where each format has its files.

The proxy does not look into files. Their size is that of the base64 text that holds them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from addons.llm.parsing.long_strings import left_out

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Describe what files of a kind usually cost at most. Large files have pictures in them, and so less per byte."""

    least: int
    """The tokens of the smallest one."""
    unseen: int
    """The tokens of one that the request only names: by its URL or its id."""
    bytes_per_token: int = 0
    """0: a file costs `least`, whatever its size."""
    dense_bytes: int = 2**63
    """The bytes at its beginning for which `bytes_per_token` holds."""
    bytes_per_token_beyond: int = 1

    def tokens(self, size: int | None) -> int:
        """Return the tokens of a file of so many bytes, None for one whose size is not known."""
        if size is None:
            return self.unseen
        if not self.bytes_per_token:
            return self.least
        dense = min(size, self.dense_bytes)
        beyond = (size - dense) // self.bytes_per_token_beyond
        return max(self.least, -(-dense // self.bytes_per_token) + beyond)


# The sources say what a page or a second costs. How many of them a file of some size has is our assumption: no provider
# says it, and it differs a lot between files.
#
# At most about 1600 at Anthropic (https://platform.claude.com/docs/en/build-with-claude/vision), 1445 with gpt-4o
# (https://developers.openai.com/api/docs/guides/images-vision), 2600 with Nova (https://docs.aws.amazon.com/nova/latest/
# userguide/modalities-image.html): all scale a picture down, so its bytes say nothing.
_IMAGE = Kind(least=1_600, unseen=1_600)
# A page is read as text and as a picture (https://platform.claude.com/docs/en/build-with-claude/pdf-support), which was
# measured as 2100 to 2500 tokens (https://huggingface.co/datasets/JOHNISKING/pdf-token-cost). Assumed: 50 kB a page at
# first; what is beyond 1 MB is scanned or has pictures in it, with 250 kB a page.
_PDF = Kind(least=3_000, unseen=30_000, bytes_per_token=16, dense_bytes=1_000_000, bytes_per_token_beyond=80)
# Only their text is read (https://developers.openai.com/api/docs/guides/file-inputs). Assumed: with its styles a
# file is twice as long as its text, and what is beyond 250 kB is mostly pictures.
_OFFICE = Kind(least=1_000, unseen=30_000, bytes_per_token=8, dense_bytes=250_000, bytes_per_token_beyond=80)
_TEXT = Kind(least=0, unseen=30_000, bytes_per_token=4)
# A second costs 10 tokens (https://developers.openai.com/api/docs/guides/realtime-costs). Assumed: low rates, so that a
# file lasts long. WAV with 8 kHz and 16 bits has 16 kB a second, compressed speech with 64 kbit/s has 8 kB.
_WAV = Kind(least=10, unseen=6_000, bytes_per_token=1_600)
_COMPRESSED_AUDIO = Kind(least=10, unseen=6_000, bytes_per_token=800)
# A second costs about 288 tokens, and what is longer than 960 seconds is read in 960 frames
# (https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html). Assumed: 1 Mbit/s, or 125 kB a second.
_VIDEO = Kind(least=288, unseen=276_480, bytes_per_token=434)

_DOCUMENTS: Mapping[str, Kind] = {"pdf": _PDF} | dict.fromkeys(
    ("doc", "docx", "docm", "dot", "odt", "pages", "xls", "xlsx", "ods", "numbers", "ppt", "pptx", "odp", "key"),
    _OFFICE,
)
"""Kinds of documents by the ends of their names. One with another end is text, such as the source of a program."""
_MEDIA_TYPES: Mapping[str, Kind] = {
    "application/pdf": _PDF,
    "application/msword": _OFFICE,
    "application/json": _TEXT,
    "application/xml": _TEXT,
}
_OFFICE_MEDIA_TYPES = ("application/vnd.", "application/x-iwork")
_LONGEST_MEDIA_TYPE = 256


def _decoded(text: object) -> int | None:
    """Return the bytes of a file in base64, None where there is no such text."""
    return (len(text) + left_out(text)) * 3 // 4 if type(text) is str else None


def _document(size: int | None, name: object = None, media_type: str = "") -> int:
    """Return the tokens of a document. Where its name and its media type disagree, the dearer kind counts."""
    kinds = set()
    if type(name) is str and (end := name.rpartition(".")[2].lower()) != name.lower():
        kinds.add(_DOCUMENTS.get(end, _TEXT))
    if media_type in _MEDIA_TYPES:
        kinds.add(_MEDIA_TYPES[media_type])
    elif media_type.startswith(_OFFICE_MEDIA_TYPES):
        kinds.add(_OFFICE)
    elif media_type.startswith("text/"):
        kinds.add(_TEXT)
    return max(kind.tokens(size) for kind in kinds or {_PDF})


def _image_source(block: Block) -> int:
    """Measure Anthropic's image."""
    source = block.get("source")
    return _IMAGE.tokens(None) if type(source) is dict and source else 0


def _document_source(block: Block) -> int:
    """Measure Anthropic's document; one that is given as text or as blocks is no file."""
    source = block.get("source")
    if type(source) is not dict:
        return 0
    if source.get("type") == "base64":
        media_type = source.get("media_type")
        return _document(_decoded(source.get("data")), None, media_type if type(media_type) is str else "")
    return _document(None) if source.get("type") in ("url", "file") else 0


def _image_url(block: Block) -> int:
    """Measure an image of OpenAI's: chat has its URL in an object, Responses has it bare, or the id of a file."""
    return _IMAGE.tokens(None) if block.get("image_url") or block.get("file_id") else 0


def _made_image(block: Block) -> int:
    """Measure an image that a tool of OpenAI's has made in an earlier turn."""
    return _IMAGE.tokens(None) if block.get("result") else 0


def _input_audio(block: Block) -> int:
    audio = block.get("input_audio")
    if type(audio) is not dict:
        return 0
    return (_WAV if audio.get("format") == "wav" else _COMPRESSED_AUDIO).tokens(_decoded(audio.get("data")))


def _input_file(block: Block) -> int:
    """Measure a file of OpenAI's: its data, which may be a data URL, or its URL or id."""
    data = block.get("file_data")
    if type(data) is not str:
        return _document(None, block.get("filename")) if block.get("file_id") or block.get("file_url") else 0
    media_type = ""
    if data.startswith("data:"):
        media_type = data[5:_LONGEST_MEDIA_TYPE].partition(",")[0].partition(";")[0].lower()
    return _document(_decoded(data), block.get("filename"), media_type)


def _file(block: Block) -> int:
    file = block.get("file")
    return _input_file(file) if type(file) is dict else 0


Measure = Callable[[Block], int]
"""Returns the tokens of the file that a block holds, 0 where it holds none in the form that the format has for it."""

TYPED: Mapping[str, tuple[Measure, str]] = {
    # https://docs.anthropic.com/en/api/messages
    "image": (_image_source, "source"),
    "document": (_document_source, "source"),
    # https://platform.openai.com/docs/api-reference/chat/create
    "image_url": (_image_url, "image_url"),
    "input_audio": (_input_audio, "input_audio"),
    "file": (_file, "file"),
    # https://platform.openai.com/docs/api-reference/responses/create
    "input_image": (_image_url, "image_url"),
    "input_file": (_input_file, "file_data"),
    "computer_screenshot": (_image_url, "image_url"),
    "image_generation_call": (_made_image, "result"),
}
"""Blocks that may hold a file, by their `type`: how to measure it, and the member that holds it."""


def _in_converse(kind_of: Callable[[str], Kind]) -> Measure:
    """Return how to measure a file in Converse's form: its `format`, and its `source` in base64 or elsewhere.

    A document's source may be text or blocks instead.
    """

    def measure(file: Block) -> int:
        source, form = file.get("source"), file.get("format")
        if type(source) is not dict:
            return 0
        kind = kind_of(form if type(form) is str else "")
        if type(data := source.get("bytes")) is str:
            return kind.tokens(_decoded(data))
        return kind.tokens(None) if source.get("s3Location") else 0

    return measure


# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
UNTYPED: Mapping[str, Measure] = {
    "image": _in_converse(lambda form: _IMAGE),
    "document": _in_converse(lambda form: _DOCUMENTS.get(form, _TEXT)),
    "audio": _in_converse(lambda form: _WAV if form in ("wav", "pcm") else _COMPRESSED_AUDIO),
    "video": _in_converse(lambda form: _VIDEO),
}
"""Members of Converse's blocks that hold a file with a `source`. The blocks have no `type`."""
