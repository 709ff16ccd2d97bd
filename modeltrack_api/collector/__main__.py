"""Collect infrastructure costs until told to stop: `python -m modeltrack_api.collector`."""

import errno
import fcntl
import logging
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from addons.ledger.event_log import EventLog
from addons.ledger.events import LOG_NAME
from addons.ledger.watched import ConfigError
from addons.settings.kinds import SettingError
from modeltrack_api.collector.aws import CLUSTER_TAG, AwsCosts, check_boto3
from modeltrack_api.collector.gpu import GpuMetrics
from modeltrack_api.collector.once import STATE_NAME, OnceLog, State
from modeltrack_api.collector.opencost import OpenCost
from modeltrack_api.collector.runner import Runner
from modeltrack_api.collector.settings import CollectorSettings, from_environment
from modeltrack_api.collector.source import Source, SourceError
from modeltrack_api.collector.teams import Teams
from modeltrack_api.stopping import hold_signals, wait_for_signal

logger = logging.getLogger("modeltrack_api.collector")

_GRACE_SECONDS = 1.5
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class CannotStart(Exception):
    """The collector cannot start. The message is one line for the user."""


def sources(settings: CollectorSettings, teams: Teams) -> list[Source]:
    """Return the sources that the settings turn on. Raises SourceError if boto3 is needed and missing."""
    found: list[Source] = []
    if settings.opencost:
        found.append(OpenCost(settings.opencost_endpoint, teams))
    if settings.aws_costs or settings.gpu_metrics:
        check_boto3()
    if settings.aws_costs:
        found.append(AwsCosts(teams, settings.aws_team_tag, settings.aws_lag_days, settings.opencost))
    if settings.gpu_metrics:
        found.append(GpuMetrics(teams, settings.aws_team_tag))
    return found


def only_collector_of(folder: Path) -> int:
    """Lock the folder, and return a descriptor that keeps other collectors out while it is open.

    Raises CannotStart, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(fd)
            raise CannotStart(f"{folder}: another collector is running there") from error
        logger.warning(
            "%s cannot be locked (%s): make sure that only one collector runs, or costs count twice",
            folder,
            error.strerror,
        )
    return fd


def start(settings: CollectorSettings) -> Runner:
    """Return a runner that is ready to run. Raises CannotStart, SourceError, ConfigError, OSError."""
    if settings.is_idle:
        raise CannotStart("nothing to collect: set ENABLE_OPENCOST, ENABLE_AWS_COSTS or ENABLE_GPU_METRICS to true")
    teams = Teams(settings.data_dir)
    teams.load()
    found = sources(settings, teams)
    only_collector_of(settings.data_dir)  # stays open, and so locked, until the process ends
    runner = Runner(
        found,
        teams,
        OnceLog(EventLog(settings.data_dir / LOG_NAME)),
        State(settings.data_dir / STATE_NAME),
        now=lambda: datetime.now(UTC),
        interval=settings.interval_seconds,
        backfill=timedelta(days=settings.backfill_days),
    )
    runner.open()
    logger.info("collecting from %s into %s", ", ".join(source.name for source in found), settings.data_dir)
    if settings.opencost and settings.aws_costs:
        logger.info("AWS costs of resources with the tag %s are left out: OpenCost counts them", CLUSTER_TAG)
    return runner


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    hold_signals()
    try:
        settings = from_environment(os.environ)
        logging.getLogger().setLevel(_LEVELS[settings.log_level])
        logging.getLogger("botocore").setLevel(logging.WARNING)
        runner = start(settings)
    except (SettingError, ConfigError, SourceError, CannotStart, OSError) as error:
        print(f"collector: {error}", file=sys.stderr)
        return 1
    # A thread, so that a source that has not answered yet does not delay the end. Nothing of its window is written yet.
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,), name="collector", daemon=True)
    thread.start()
    wait_for_signal(thread.is_alive)
    stop.set()
    thread.join(_GRACE_SECONDS)
    if not thread.is_alive():
        runner.close()
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
