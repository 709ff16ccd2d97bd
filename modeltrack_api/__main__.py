"""Run the API with its dashboard, reports and alerts: `python -m modeltrack_api`."""

import logging
import sqlite3
import sys

from addons.callers.addresses import is_loopback
from addons.ledger.events import LOG_NAME
from addons.ledger.watched import ConfigError
from addons.settings.kinds import SettingError
from modeltrack_api.app import App
from modeltrack_api.background import add_alerter
from modeltrack_api.routes import ROUTES
from modeltrack_api.settings import ApiSettings, current
from modeltrack_api.stopping import hold_signals, wait_for_signal
from modeltrack_api.store.connections import NewerDatabase
from modeltrack_api.store.progress import TerminalProgress
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.server import Server

logger = logging.getLogger(__name__)

BAD_SETTING, NO_START = 2, 1


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = current()
    except SettingError as error:
        print(error, file=sys.stderr)
        return BAD_SETTING
    app = App(settings)
    add_alerter(app)
    app.follower.progress = TerminalProgress(sys.stderr, LOG_NAME)
    try:
        app.open()
    except sqlite3.Error as error:
        print(f"{settings.db_path}: {error}", file=sys.stderr)
        return NO_START
    except (OSError, NewerDatabase, ConfigError) as error:
        print(error, file=sys.stderr)
        return NO_START
    try:
        server = Server(settings.host, settings.port, Dispatcher(app, ROUTES).answer)
    except OSError as error:
        print(f"API_HOST {settings.host}, PORT {settings.port}: {error.strerror or error}", file=sys.stderr)
        app.close()
        return NO_START
    return serve(app, server)


def open_doors(settings: ApiSettings, url: str) -> str:
    """Return in one line what is open to whom, each part with the setting that changes it."""
    whom = "this machine" if is_loopback(settings.host) else "the network"
    calls = "with the token" if settings.token else "for everybody"
    pages = ", ".join(settings.allowed_origins)
    return (
        f"open to {whom} on {url} (API_HOST); calls: {calls} (API_TOKEN);"
        f" web pages: {f'also of {pages}' if pages else 'only its own'} (ALLOWED_ORIGINS)"
    )


def serve(app: App, server: Server) -> int:
    """Serve until SIGINT or SIGTERM; a second signal ends the process at once."""
    hold_signals()
    if not is_loopback(app.settings.host) and not app.settings.token:
        logger.warning("everybody who can reach %s can read and change all data: set API_TOKEN", server.url)
    logger.info("%s", open_doors(app.settings, server.url))
    server.start()
    print(f"ModelTrack API on {server.url}", flush=True)
    app.start()
    wait_for_signal()
    server.stop()
    app.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
