"""List the fields of OpenAI's usage: chat, completions, embeddings, Responses, images, transcriptions and realtime.

Source, where a line names none: the types of openai's SDK 3.54 (types/completion_usage.py, responses/response_usage.py,
images_response.py, audio/transcription.py, realtime/realtime_response_usage.py).
"""

from addons.llm.usage_fields import READ_ELSEWHERE, Fields

_SUM = "a sum of other fields"
_REST = "the rest of a total, at the price of text"

USAGE = Fields(
    counts={
        # Totals. They include the cache's tokens and the reasoning.
        "prompt_tokens": "input",
        "input_tokens": "input",
        "completion_tokens": "output",
        "output_tokens": "output",
        # The cache: https://platform.openai.com/docs/guides/prompt-caching.
        "prompt_tokens_details.cached_tokens": "cache_read_tokens",
        "input_tokens_details.cached_tokens": "cache_read_tokens",
        "input_token_details.cached_tokens": "cache_read_tokens",
        "cached_tokens": "cache_read_tokens",  # tool_usage.image_gen
        "prompt_tokens_details.cache_write_tokens": "cache_write_tokens",
        "input_tokens_details.cache_write_tokens": "cache_write_tokens",
        **{
            f"{total}_details.cached_tokens_details.{kind}_tokens": f"cache_read_{kind}_tokens"
            for total in ("prompt_tokens", "input_tokens", "input_token")  # the last one is realtime's
            for kind in ("audio", "image")
        },
        "cached_tokens_details.cached_image_tokens": "cache_read_image_tokens",  # tool_usage.image_gen
        # Audio and images: https://platform.openai.com/docs/pricing has prices of their own for them.
        "prompt_tokens_details.audio_tokens": "audio_input",
        "input_tokens_details.audio_tokens": "audio_input",
        "input_token_details.audio_tokens": "audio_input",
        "prompt_tokens_details.image_tokens": "image_input",
        "input_tokens_details.image_tokens": "image_input",
        "input_token_details.image_tokens": "image_input",
        "completion_tokens_details.audio_tokens": "audio_output_tokens",
        "output_tokens_details.audio_tokens": "audio_output_tokens",
        "output_token_details.audio_tokens": "audio_output_tokens",
        "completion_tokens_details.image_tokens": "image_output_tokens",
        "output_tokens_details.image_tokens": "image_output_tokens",
        "output_token_details.image_tokens": "image_output_tokens",
        # A part of the output: https://platform.openai.com/docs/guides/reasoning.
        "completion_tokens_details.reasoning_tokens": "reasoning_tokens",
        "output_tokens_details.reasoning_tokens": "reasoning_tokens",
        "reasoning_tokens": "reasoning_tokens",  # svg_usage of an image_generation_call
    },
    free={
        "total_tokens": _SUM,
        "prompt_tokens_details.text_tokens": _REST,
        "input_tokens_details.text_tokens": _REST,
        "input_token_details.text_tokens": _REST,
        "input_token_details.cached_tokens_details.text_tokens": _REST,
        "input_tokens_details.cached_tokens_details.text_tokens": _REST,
        "prompt_tokens_details.cached_tokens_details.text_tokens": _REST,
        "cached_tokens_details.cached_text_tokens": _REST,
        "completion_tokens_details.text_tokens": _REST,
        "output_tokens_details.text_tokens": _REST,
        "output_token_details.text_tokens": _REST,
        # https://platform.openai.com/docs/guides/predicted-outputs: both are in the total, at its price.
        "completion_tokens_details.accepted_prediction_tokens": "a part of the output",
        "completion_tokens_details.rejected_prediction_tokens": "a part of the output",
        "input_tokens_details.cache_write_tokens_details.ttl_30m_tokens": "a part of the cache writes, at their price",
    },
    unknown={
        # The SDK has the field, and no price list names one for it (2026-11-27).
        "input_tokens_details.cache_write_tokens_details.ttl_12h_tokens": "cache writes that are kept for longer",
        # Models that are billed by time report it in place of tokens.
        "seconds": "the length of a recording",
    },
)

TOOLS = Fields(
    counts={
        "image_gen": READ_ELSEWHERE,  # in the fields of USAGE, billed for the model of the image tool
        # "The number of billable web search requests issued": types/responses/response.py, ToolUsageWebSearch.
        "web_search.num_requests": "web_searches",
    },
    free={},
)
"""The fields of a response's `tool_usage`."""
