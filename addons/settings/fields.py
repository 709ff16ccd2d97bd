"""Define every setting of the proxy: one field of `Settings` each, with its environment variable, default and help.

Each setting is also a mitmproxy option, named `modeltrack_` and the field's name, so that `--set`, mitmweb's options
page and `mitmdump --options` know it. `addons/bootstrap.py` decides whether the variable or the option wins.

A secret is none: mitmproxy shows the values of its options. It comes from the environment or from a file, at the start.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from addons.llm.providers import Endpoints
from addons.settings.kinds import (
    API_VERSION,
    BOOLEAN,
    DEFAULT_DATA_DIR,
    DIRECTORY,
    NAME,
    NAMES,
    OPTIONAL_URL,
    ORIGINS,
    REGION,
    TOKEN,
    URL,
    Kind,
    Raw,
    number_of,
    one_of,
    whole,
)

OPTION_PREFIX = "modeltrack_"


class Info(NamedTuple):
    env: str
    default: Raw
    kind: Kind
    help: str


def setting(env: str, default: Raw, kind: Kind, help: str) -> Any:
    return field(metadata={"info": Info(env, default, kind, help)})


def secret_setting(env: str, kind: Kind, help: str) -> Any:
    """Define a setting that is nowhere shown, and "" where it is not set; it is read from `<env>` or `<env>_FILE`."""
    return field(default="", repr=False, metadata={"secret": Info(env, "", kind, help)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data_dir: Path = setting(
        "DATA_DIR",
        DEFAULT_DATA_DIR,
        DIRECTORY,
        "Folder of the cost events and of budgets.json, routing.json and pricing.json. Default: data/ beside addons/.",
    )
    anthropic_base_url: str = setting(
        "ANTHROPIC_BASE_URL", "https://api.anthropic.com", URL, "Base URL that /v1/messages goes to."
    )
    openai_base_url: str = setting(
        "OPENAI_BASE_URL",
        "https://api.openai.com",
        URL,
        "Base URL that /v1/chat/completions and OpenAI's other paths go to; with or without /v1.",
    )
    bedrock_endpoint_url: str = setting(
        "BEDROCK_ENDPOINT_URL",
        "",
        OPTIONAL_URL,
        "Base URL that /bedrock/ goes to. Empty: AWS's own endpoint for the region.",
    )
    bedrock_region: str = setting(
        "BEDROCK_REGION",
        "us-east-1",
        REGION,
        "AWS region of /bedrock/. AWS_REGION is used if BEDROCK_REGION is not set.",
    )
    azure_openai_endpoint: str = setting(
        "AZURE_OPENAI_ENDPOINT",
        "",
        OPTIONAL_URL,
        "Base URL that /azure/ goes to: https://{resource}.openai.azure.com. Empty: /azure/ answers 503.",
    )
    azure_openai_api_version: str = setting(
        "AZURE_OPENAI_API_VERSION",
        "v1",
        API_VERSION,
        "Azure's API version: v1 uses /openai/v1/, a date uses /openai/deployments/{model}/.",
    )
    bedrock_sign_for: str = setting(
        "BEDROCK_SIGN_FOR",
        "loopback",
        one_of("loopback", "all", "none"),
        "For which clients the proxy signs requests to Bedrock with its own AWS credentials: those on this machine"
        " (loopback), all, or none. The others get 403.",
    )
    default_team: str = setting("MODELTRACK_DEFAULT_TEAM", "", NAME, "Team of a request that names none.")
    callers: str = setting(
        "CALLERS",
        "open",
        one_of("open", "known", "keys"),
        "Who may call: open lets every caller be who it says it is, known only teams that budgets.json, keys.json or"
        " TEAMS name (the others get 403), and keys only callers with a key of keys.json (the others get 401).",
    )
    teams: tuple[str, ...] = setting(
        "TEAMS",
        "",
        NAMES,
        "Teams besides those of budgets.json and keys.json, for CALLERS=known; comma separated.",
    )
    unknown_model_price: str = setting(
        "UNKNOWN_MODEL_PRICE",
        "warn",
        one_of("warn", "block"),
        "What happens to a call of a model without a known price: warn logs its cost as null, block refuses the call.",
    )
    unmetered: str = setting(
        "UNMETERED",
        "guard",
        one_of("pass", "guard", "block"),
        "What happens to requests that may cost money and cannot be metered, such as those for images: pass lets them"
        " through, guard refuses those of teams and apps that a blocking budget covers, block refuses all.",
    )
    budget_failure_mode: str = setting(
        "BUDGET_FAILURE_MODE",
        "closed",
        one_of("closed", "open"),
        "What happens to a request whose budget cannot be checked: closed refuses it, open lets it through.",
    )
    refusal_status: int = setting(
        "REFUSAL_STATUS",
        429,
        number_of(429, 402),
        "HTTP status of the answer where a budget is spent. Some clients try every 429 again without a word, and show a"
        " 402 at once.",
    )
    stream_usage: str = setting(
        "STREAM_USAGE",
        "ask",
        one_of("ask", "leave"),
        "Whether OpenAI-style streams that did not ask for it are made to report their usage: ask adds stream_options,"
        " leave adds nothing, and their usage is estimated.",
    )
    cache_enabled: bool = setting("CACHE_ENABLED", True, BOOLEAN, "Answer identical requests from memory.")
    cache_ttl_seconds: int = setting(
        "CACHE_TTL_SECONDS", 3600, whole(1), "How long a cached answer may be served, in seconds."
    )
    cache_max_entries: int = setting(
        "CACHE_MAX_ENTRIES", 1000, whole(1), "How many answers the cache keeps; the least recently used go first."
    )
    cache_max_bytes: int = setting(
        "CACHE_MAX_BYTES", 256 * 2**20, whole(1), "Memory that cached answers may take, in bytes."
    )
    max_request_bytes: int = setting(
        "MAX_REQUEST_BYTES",
        64 * 2**20,
        whole(1024, 512 * 2**20),
        "Size of the largest request body, in bytes; a larger one gets 413.",
    )
    max_head_bytes: int = setting(
        "MAX_HEAD_BYTES",
        64 * 2**10,
        whole(4096, 2**20),
        "Size of the largest head of a request or of an answer, in bytes; a larger one of a request gets 431.",
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS",
        10_000,
        whole(1),
        "How many clients may be connected at once. At the limit, the connection that is idle for longest is closed for"
        " a new one. Where the limit of open files is lower, half of that is the most.",
    )
    abandoned_seconds: int = setting(
        "ABANDONED_SECONDS",
        600,
        whole(0, 86400),
        "How long an answer is read on after its client has gone, in seconds, so that it is billed as the provider"
        " reports it and can be given to a client that asks again. 0 hangs up at once.",
    )
    tunnel_other_hosts: str = setting(
        "TUNNEL_OTHER_HOSTS",
        "loopback",
        one_of("loopback", "all", "none"),
        "Which clients may reach hosts that are no LLM providers through HTTPS_PROXY: those on this machine (loopback),"
        " all, or none. The others get 403.",
    )
    allowed_origins: tuple[str, ...] = setting(
        "ALLOWED_ORIGINS",
        "",
        ORIGINS,
        "Origins whose web pages may call, separated by commas, such as https://app.example.com. Pages of other origins"
        " get 403; programs are no pages.",
    )
    status_token: str = secret_setting(
        "STATUS_TOKEN", TOKEN, "Token that /stats, /cache/stats, /routing/stats and /metrics want as a Bearer token."
    )
    fsync: str = setting(
        "MODELTRACK_FSYNC",
        "interval",
        one_of("always", "interval", "never"),
        "When the event log is forced to disk: before each answer ends (always), once a second (interval), or never.",
    )
    inspect: str = setting(
        "INSPECT_MODE",
        "auto",
        one_of("auto", "always", "never"),
        "Whether flows get a comment, a marker and metadata, and keep streamed answers: auto does so in mitmweb and"
        " mitmproxy.",
    )
    inspect_max_flows: int = setting(
        "INSPECT_MAX_FLOWS",
        5000,
        whole(0),
        "How many flows mitmweb and mitmproxy keep; the oldest go first. 0 keeps all.",
    )
    inspect_stream_bytes: int = setting(
        "INSPECT_STREAM_BYTES", 256 * 2**10, whole(0), "How much is kept of each streamed answer, in bytes."
    )
    inspect_max_bytes: int = setting(
        "INSPECT_MAX_BYTES", 64 * 2**20, whole(0), "How much is kept of all streamed answers together, in bytes."
    )
    fast_dispatch: bool = setting(
        "MODELTRACK_FAST_DISPATCH",
        True,
        BOOLEAN,
        "Use faster code than mitmproxy's own for each event, request and connection; false leaves them to mitmproxy.",
    )

    endpoints: Endpoints = field(init=False, repr=False)
    """The base URLs among the settings, and those that follow from the region."""

    def __post_init__(self) -> None:
        mantle = f"https://bedrock-mantle.{self.bedrock_region}.api.aws/anthropic"
        endpoints = Endpoints(
            anthropic=self.anthropic_base_url,
            openai=self.openai_base_url,
            bedrock=self.bedrock_endpoint_url or mantle,
            bedrock_runtime=self.bedrock_endpoint_url or f"https://bedrock-runtime.{self.bedrock_region}.amazonaws.com",
            azure=self.azure_openai_endpoint,
            azure_api_version=self.azure_openai_api_version,
        )
        object.__setattr__(self, "endpoints", endpoints)


SETTINGS: dict[str, Info] = {
    OPTION_PREFIX + item.name: item.metadata["info"] for item in fields(Settings) if "info" in item.metadata
}
"""All settings by option name, but for the secrets."""

SECRETS: dict[str, Info] = {
    item.name: item.metadata["secret"] for item in fields(Settings) if "secret" in item.metadata
}
"""The settings that are no options, by the name of their field."""

# Settings that mitmproxy has options for already.
PROXY_PORT = Info("PROXY_PORT", 8080, whole(0, 65535), "Port that the proxy listens on.")
LOG_LEVEL = Info("LOG_LEVEL", "info", one_of("debug", "info", "warn", "error"), "How much is logged.")
MITMPROXY_SETTINGS: dict[str, Info] = {"listen_port": PROXY_PORT, "termlog_verbosity": LOG_LEVEL}

VARIABLES = frozenset(
    {
        "AWS_REGION",
        *(info.env for info in (SETTINGS | MITMPROXY_SETTINGS).values()),
        *(name for info in SECRETS.values() for name in (info.env, f"{info.env}_FILE")),
    }
)
"""Every environment variable that is read here."""
