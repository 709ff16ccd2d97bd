from pathlib import Path

import pytest

from addons.settings.kinds import SettingError
from modeltrack_api.collector.settings import CollectorSettings, from_environment


def test_everything_is_off_by_default(tmp_path: Path) -> None:
    settings = from_environment({"DATA_DIR": str(tmp_path), "ENABLE_OPENCOST": " "})
    assert settings == CollectorSettings(data_dir=tmp_path)
    assert settings.is_idle


def test_values_are_read(tmp_path: Path) -> None:
    environment = {
        "DATA_DIR": str(tmp_path),
        "ENABLE_OPENCOST": "true",
        "OPENCOST_ENDPOINT": "https://opencost.example/prefix/",
        "ENABLE_AWS_COSTS": "1",
        "ENABLE_GPU_METRICS": "on",
        "COLLECT_INTERVAL_SECONDS": "600",
        "COLLECT_BACKFILL_DAYS": "3",
        "AWS_TEAM_TAG": "cost-center",
        "AWS_COSTS_LAG_DAYS": "5",
        "LOG_LEVEL": "warn",
    }
    assert from_environment(environment) == CollectorSettings(
        data_dir=tmp_path,
        opencost=True,
        opencost_endpoint="https://opencost.example/prefix",
        aws_costs=True,
        gpu_metrics=True,
        interval_seconds=600,
        backfill_days=3,
        aws_team_tag="cost-center",
        aws_lag_days=5,
        log_level="warn",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLE_OPENCOST", "maybe"),
        ("ENABLE_AWS_COSTS", "2"),
        ("ENABLE_GPU_METRICS", "ja"),
        ("OPENCOST_ENDPOINT", "opencost:9003"),
        ("OPENCOST_ENDPOINT", "ftp://opencost"),
        ("COLLECT_INTERVAL_SECONDS", "0"),
        ("COLLECT_INTERVAL_SECONDS", "1h"),
        ("COLLECT_BACKFILL_DAYS", "32"),
        ("AWS_COSTS_LAG_DAYS", "0"),
        ("AWS_TEAM_TAG", "x" * 129),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_does_not_parse_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: .* is not allowed: must be ") as raised:
        from_environment({name: value})
    assert "\n" not in str(raised.value)
