"""List the fields of Anthropic's usage.

Source, where a line names none: the types of anthropic's SDK 2.12 (types/usage.py, message_delta_usage.py,
server_tool_usage.py, cache_creation.py, beta/beta_usage.py).
"""

from addons.llm.usage_fields import READ_ELSEWHERE, Fields

USAGE = Fields(
    counts={
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        # https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing
        "cache_read_input_tokens": "cache_read_tokens",
        "cache_creation_input_tokens": "cache_write_tokens",
        "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m_tokens",
        "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h_tokens",
        # "output_tokens remains the inclusive, authoritative total used for billing."
        "output_tokens_details.thinking_tokens": "reasoning_tokens",
        # https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#usage-and-pricing
        "server_tool_use.web_search_requests": "web_searches",
        "iterations": READ_ELSEWHERE,  # passes of the answer, each with a usage of its own
    },
    free={
        # https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool#usage-and-pricing
        "server_tool_use.web_fetch_requests": "costs nothing beyond its tokens",
        "type": "the kind of a pass",
        "model": "the model of a pass",
    },
)
