"""Read the collector's settings from environment variables, and check them, once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addons.settings.fields import LOG_LEVEL
from addons.settings.kinds import BOOLEAN, URL, Kind, SettingError, whole
from modeltrack_api.settings import data_dir


def _tag_key(value: object) -> str:
    text = str(value).strip()
    if len(text) > 128 or not text.isprintable():
        raise ValueError(text)
    return text


TAG = Kind("the key of an AWS cost allocation tag, at most 128 characters", _tag_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    data_dir: Path
    opencost: bool = False
    opencost_endpoint: str = "http://localhost:9003"
    aws_costs: bool = False
    gpu_metrics: bool = False
    interval_seconds: int = 3600
    backfill_days: int = 7
    aws_team_tag: str = "team"
    aws_lag_days: int = 2
    log_level: str = "info"

    @property
    def is_idle(self) -> bool:
        return not (self.opencost or self.aws_costs or self.gpu_metrics)


VARIABLES: dict[str, tuple[str, Kind]] = {
    "opencost": ("ENABLE_OPENCOST", BOOLEAN),
    "opencost_endpoint": ("OPENCOST_ENDPOINT", URL),
    "aws_costs": ("ENABLE_AWS_COSTS", BOOLEAN),
    "gpu_metrics": ("ENABLE_GPU_METRICS", BOOLEAN),
    "interval_seconds": ("COLLECT_INTERVAL_SECONDS", whole(10, 86400)),
    "backfill_days": ("COLLECT_BACKFILL_DAYS", whole(1, 31)),
    "aws_team_tag": ("AWS_TEAM_TAG", TAG),
    "aws_lag_days": ("AWS_COSTS_LAG_DAYS", whole(1, 60)),
    "log_level": (LOG_LEVEL.env, LOG_LEVEL.kind),
}


def from_environment(environ: Mapping[str, str]) -> CollectorSettings:
    """Return the settings. An empty variable counts as one that is not set. Raises SettingError."""
    values: dict[str, Any] = {}
    for name, (variable, kind) in VARIABLES.items():
        if text := environ.get(variable, "").strip():
            try:
                values[name] = kind.parse(text)
            except ValueError as error:
                raise SettingError(variable, text, kind.allowed) from error
    return CollectorSettings(data_dir=data_dir(environ), **values)
