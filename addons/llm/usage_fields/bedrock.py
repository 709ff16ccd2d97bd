"""List the fields of Bedrock's usage: that of `converse`, and the metrics at the end of a stream of `invoke`.

Source, where a line names none: botocore's model of bedrock-runtime (data/bedrock-runtime/2023-09-30/service-2.json).
"""

from addons.llm.usage_fields import READ_ELSEWHERE, Fields

CONVERSE = Fields(
    counts={
        "inputTokens": "input_tokens",
        "outputTokens": "output_tokens",
        "cacheReadInputTokens": "cache_read_tokens",
        "cacheWriteInputTokens": "cache_write_tokens",
        "cacheDetails": READ_ELSEWHERE,  # the cache writes by how long they are kept
    },
    free={"totalTokens": "a sum of other fields"},
)

METRICS = Fields(
    counts={
        # https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
        "inputTokenCount": "input_tokens",
        "outputTokenCount": "output_tokens",
        "cacheReadInputTokenCount": "cache_read_tokens",
        "cacheWriteInputTokenCount": "cache_write_tokens",
    },
    free={"invocationLatency": "in milliseconds", "firstByteLatency": "in milliseconds"},
)
"""The fields of `amazon-bedrock-invocationMetrics`."""
