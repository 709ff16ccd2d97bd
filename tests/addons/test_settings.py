from pathlib import Path
from typing import Any

import pytest

from addons.settings.fields import SECRETS, SETTINGS, Settings
from addons.settings.kinds import ADDONS_DIR, SettingError
from addons.settings.sources import from_environment, from_options, refuse_secrets, secrets_from

DEFAULTS = {name: info.default for name, info in SETTINGS.items()}


def settings(**options: Any) -> Settings:
    return from_options(DEFAULTS | {f"modeltrack_{name}": value for name, value in options.items()})


def test_the_defaults_are_those_of_the_reference() -> None:
    found = settings()
    assert found.data_dir == ADDONS_DIR.parent / "data"
    assert found.anthropic_base_url == "https://api.anthropic.com"
    assert found.openai_base_url == "https://api.openai.com"
    assert (found.cache_enabled, found.cache_ttl_seconds, found.cache_max_entries) == (True, 3600, 1000)
    assert from_environment({}) == {}


@pytest.mark.parametrize(
    ("variable", "value", "option", "expected"),
    [
        ("PROXY_PORT", "9000", "listen_port", 9000),
        ("LOG_LEVEL", "WARN", "termlog_verbosity", "warn"),
        ("CACHE_ENABLED", "0", "modeltrack_cache_enabled", False),
        ("CACHE_ENABLED", "Yes", "modeltrack_cache_enabled", True),
        ("MODELTRACK_FAST_DISPATCH", "off", "modeltrack_fast_dispatch", False),
        ("CACHE_TTL_SECONDS", " 60 ", "modeltrack_cache_ttl_seconds", 60),
        ("OPENAI_BASE_URL", "http://localhost:1/v1/", "modeltrack_openai_base_url", "http://localhost:1/v1"),
        ("AWS_REGION", "eu-west-1", "modeltrack_bedrock_region", "eu-west-1"),
        ("MODELTRACK_DEFAULT_TEAM", "núcleo", "modeltrack_default_team", "núcleo"),
        ("AZURE_OPENAI_API_VERSION", "2024-10-21", "modeltrack_azure_openai_api_version", "2024-10-21"),
        ("ALLOWED_ORIGINS", " https://a.b, http://c ", "modeltrack_allowed_origins", "https://a.b, http://c"),
    ],
)
def test_a_variable_sets_its_option(variable: str, value: str, option: str, expected: object) -> None:
    assert from_environment({variable: value}) == {option: expected}


def test_bedrock_region_is_taken_before_aws_region() -> None:
    assert from_environment({"AWS_REGION": "a", "BEDROCK_REGION": "b"}) == {"modeltrack_bedrock_region": "b"}


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert from_environment(dict.fromkeys(["PROXY_PORT", "CACHE_TTL_SECONDS", "OPENAI_BASE_URL"], "")) == {}


BAD_VALUES = [
    ("PROXY_PORT", "http"),
    ("PROXY_PORT", "65536"),
    ("LOG_LEVEL", "loud"),
    ("DATA_DIR", "a\0b"),
    ("CALLERS", "nobody"),
    ("MAX_HEAD_BYTES", "1"),
    ("TEAMS", "a\nb"),
    ("ANTHROPIC_BASE_URL", "api.anthropic.com"),
    ("ANTHROPIC_BASE_URL", "https://host:99999"),
    ("OPENAI_BASE_URL", "ftp://host"),
    ("OPENAI_BASE_URL", "https://host?x=1"),
    ("BEDROCK_ENDPOINT_URL", "nonsense"),
    ("BEDROCK_REGION", "Frankfurt!"),
    ("AZURE_OPENAI_ENDPOINT", "//host"),
    ("AZURE_OPENAI_API_VERSION", "latest"),
    ("MODELTRACK_DEFAULT_TEAM", "a\nb"),
    ("UNKNOWN_MODEL_PRICE", "ignore"),
    ("UNMETERED", "warn"),
    ("BEDROCK_SIGN_FOR", "some"),
    ("BUDGET_FAILURE_MODE", "ajar"),
    ("MAX_CONNECTIONS", "0"),
    ("ABANDONED_SECONDS", "-1"),
    ("TUNNEL_OTHER_HOSTS", "some"),
    ("STREAM_USAGE", "never"),
    ("REFUSAL_STATUS", "403"),
    ("ALLOWED_ORIGINS", "*"),
    ("ALLOWED_ORIGINS", "null"),
    ("ALLOWED_ORIGINS", "app.example.com"),
    ("ALLOWED_ORIGINS", "https://app.example.com/path"),
    ("ALLOWED_ORIGINS", "https://*.example.com"),
    ("ALLOWED_ORIGINS", "https://a:99999"),
    ("ALLOWED_ORIGINS", "https://a b"),
    ("CACHE_ENABLED", "maybe"),
    ("CACHE_TTL_SECONDS", "-1"),
    ("CACHE_TTL_SECONDS", "1.5"),
    ("CACHE_MAX_ENTRIES", "0"),
    ("CACHE_MAX_BYTES", "1e9"),
    ("MAX_REQUEST_BYTES", "12"),
    ("MODELTRACK_FSYNC", "sometimes"),
    ("INSPECT_MODE", "perhaps"),
    ("INSPECT_MAX_FLOWS", "-1"),
    ("INSPECT_STREAM_BYTES", "256k"),
    ("INSPECT_MAX_BYTES", "1.5"),
    ("MODELTRACK_FAST_DISPATCH", "fast"),
]


@pytest.mark.parametrize(("variable", "value"), BAD_VALUES)
def test_a_bad_value_is_named_with_its_variable_and_what_is_allowed(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{variable}: .* is not allowed: must be \S") as error:
        from_environment({variable: value})
    assert repr(value)[1:-1] in str(error.value)


def test_all_that_are_wrong_are_named_in_a_line_each() -> None:
    with pytest.raises(SettingError) as raised:
        from_environment({"PROXY_PORT": "x", "CALLERS": "open", "LOG_LEVEL": "loud"})
    assert [line.split(":")[0] for line in sorted(str(raised.value).splitlines())] == ["LOG_LEVEL", "PROXY_PORT"]


def test_every_variable_has_a_bad_value_in_the_table() -> None:
    assert {info.env for info in SETTINGS.values()} <= {variable for variable, _ in BAD_VALUES}


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(SettingError) as error:
        from_environment({"OPENAI_BASE_URL": "https://me:hunter2@host"})
    assert "hunter2" not in str(error.value)


def test_a_bad_option_is_named_as_the_option() -> None:
    with pytest.raises(
        SettingError, match=r"^modeltrack_unknown_model_price: 'x' is not allowed: must be warn or block$"
    ):
        settings(unknown_model_price="x")


def test_a_relative_data_dir_counts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(data_dir="here").data_dir == tmp_path / "here"


def test_a_data_dir_may_begin_with_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings(data_dir="~/here").data_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [("", "https://bedrock-mantle.eu-west-1.api.aws/anthropic"), ("http://localhost:5", "http://localhost:5")],
)
def test_bedrock_has_the_endpoint_of_its_region_unless_told_otherwise(endpoint: str, expected: str) -> None:
    found = settings(bedrock_region="eu-west-1", bedrock_endpoint_url=endpoint)
    assert found.endpoints.bedrock == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("https://a.b, https://a.b", ("https://a.b",)),
        ("HTTPS://a.b:443/, http://c:80,", ("https://a.b", "http://c")),
        ("https://a.b:8443,http://[::1]:3000", ("https://a.b:8443", "http://[::1]:3000")),
        (
            "chrome-extension://abc,app://obsidian.md,file://",
            ("chrome-extension://abc", "app://obsidian.md", "file://"),
        ),
    ],
)
def test_origins_are_read_as_browsers_write_them(text: str, expected: tuple[str, ...]) -> None:
    assert settings(allowed_origins=text).allowed_origins == expected
    assert settings(allowed_origins=",".join(expected)).allowed_origins == expected


SECRET = "s3cr3t-f00-token"
EACH_SECRET = pytest.mark.parametrize(("field", "env"), [(field, info.env) for field, info in SECRETS.items()])


@EACH_SECRET
def test_a_secret_comes_from_the_environment_or_a_file(field: str, env: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    assert secrets_from({})[field] == secrets_from({env: "", f"{env}_FILE": ""})[field] == ""
    assert secrets_from({env: SECRET})[field] == secrets_from({f"{env}_FILE": str(file)})[field] == SECRET


@EACH_SECRET
def test_a_secret_is_no_option_and_is_not_shown(field: str, env: str) -> None:
    assert f"modeltrack_{field}" not in SETTINGS and env not in {info.env for info in SETTINGS.values()}
    found = from_options(DEFAULTS, {field: SECRET})
    assert getattr(found, field) == SECRET and SECRET not in repr(found)
    assert from_environment({env: SECRET}) == {}
    with pytest.raises(SettingError, match=rf"^modeltrack_{field}: .* set by {env} or {env}_FILE"):
        refuse_secrets({"other", f"modeltrack_{field}"})
    refuse_secrets(set(DEFAULTS))


@EACH_SECRET
def test_a_bad_secret_is_named_and_not_shown(field: str, env: str, tmp_path: Path) -> None:
    bad, empty, binary, missing = "s3cr3t f00", tmp_path / "empty", tmp_path / "binary", tmp_path / "missing"
    (file := tmp_path / "bad").write_text(bad)
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    for name, value in [(env, bad), *((f"{env}_FILE", str(path)) for path in (file, empty, binary, missing, tmp_path))]:
        with pytest.raises(SettingError, match=f"^{name}: .* is not allowed: must be ") as error:
            secrets_from({name: value})
        assert "s3cr3t" not in str(error.value)
    with pytest.raises(SettingError, match=f"^{env}_FILE: .* must be empty where {env} is set"):
        secrets_from({env: SECRET, f"{env}_FILE": str(file)})
