"""Make the clients of Bedrock's tests, and what they send."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tests.e2e.conftest import KEY, PROMPT, SECRET

CLIENTS = {"AKIACLIENT": f"client-{SECRET}"}
PROXYS = {"AKIAPROXY": f"proxy-{SECRET}"}
NO_AWS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}

US = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
GLOBAL = "global.anthropic.claude-sonnet-4-6"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
NATIVE = "anthropic.claude-haiku-4-5-20251001"

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CLAUDE: Any = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 300, "messages": MESSAGES}
CONVERSATION: Any = [{"role": "user", "content": [{"text": PROMPT}]}]


SIGNED: Any = {"aws_access_key": "AKIACLIENT", "aws_secret_key": CLIENTS["AKIACLIENT"], "aws_region": "us-east-1"}
BEARER: Any = {"api_key": KEY, "aws_region": "us-east-1"}


def headers_of(app: str, **others: str) -> dict[str, str]:
    return {"X-ModelTrack-Team": "bedrock", "X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1"} | others


@cache
def session() -> Any:
    """It takes long to make, and reads descriptions of all services."""
    credentials = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": CLIENTS["AKIACLIENT"]}
    return boto3.Session(region_name="us-east-1", **credentials)


def boto(url: str, app: str, fake: str = "", team: str = "bedrock") -> Any:
    """Return boto3's client, which makes one attempt a call."""
    config = Config(retries={"total_max_attempts": 1})
    client = session().client("bedrock-runtime", endpoint_url=url, config=config)

    def add_headers(params: dict[str, Any], **_: Any) -> None:
        params["headers"] |= headers_of(app) | {"X-ModelTrack-Team": team, "X-Fake": fake}

    client.meta.events.register("before-call.bedrock-runtime", add_headers)
    return client


# 200 in, 300 read, 500 written, 200 out, in USD per million tokens:
HAIKU = 0.0020405  # in a region: 1.10 / 5.50, read 0.11, write 1.375
