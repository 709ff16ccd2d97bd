"""Bootstrap: put the settings and mitm.conf into mitmproxy's options, start the shared state, and open the listeners.

Precedence: command line > environment > mitmproxy's config.yaml > mitm.conf > mitmproxy's defaults. mitmproxy itself
lets config.yaml win over `--set`, and opens its listeners before it loads a script. This addon corrects both.
"""

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mitmproxy import ctx, exceptions, optmanager
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs
from mitmproxy.tools import cmdline
from mitmproxy.utils import asyncio_utils

from addons.core import Core
from addons.engine.options import REFUSED, problem
from addons.open_doors import open_doors
from addons.settings.fields import OPTION_PREFIX, SETTINGS
from addons.settings.kinds import ADDONS_DIR, SettingError
from addons.settings.sources import from_environment, from_options, refuse_secrets, secrets_from

logger = logging.getLogger(__name__)

# A checkout has the file at its top, an installed package has it beside this module.
MITM_CONF = next((p for p in (ADDONS_DIR.parent / "mitm.conf", ADDONS_DIR / "mitm.conf") if p.is_file()), None)

_CONNECTION_LOGGER = "mitmproxy.proxy.server"
"""This logger writes two useless lines for each connection. Its warnings, which are about TLS, are kept."""

_VERBOSITY = ("termlog_verbosity", "console_eventlog_verbosity")
"""Options that LOG_LEVEL sets. mitmdump and mitmweb have the first, mitmproxy's console has only the second."""

_AT_START_ONLY = {"modeltrack_data_dir", "modeltrack_fsync", "modeltrack_inspect"}


class Bootstrap:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._is_running = False
        self._secrets: dict[str, str] = {}

    def load(self, loader: Loader) -> None:
        for name, info in SETTINGS.items():
            kind: type = type(info.default)
            loader.add_option(name, kind, info.default, f"{info.help} Environment variable: {info.env}.")
        proxyserver = ctx.master.addons.get("proxyserver")
        self._servers = proxyserver.servers
        is_opening = self._servers.is_updating  # mitmproxy is opening the listeners of its own defaults
        if is_opening:
            self._quiet = _Quiet()
        if not proxyserver.is_running:
            _forgive_default_listeners()
        try:
            apply_options(ctx.options, os.environ, sys.argv)
            _refuse(_mitmproxys(ctx.options, REFUSED))
            refuse_secrets(ctx.options.deferred)
            self._secrets = secrets_from(os.environ)
            self.core.configure(from_options(_current(ctx.options), self._secrets))
            if not any(getattr(ctx.options, name) == "debug" for name in _VERBOSITY if name in ctx.options):
                logging.getLogger(_CONNECTION_LOGGER).setLevel(logging.WARNING)
        except (ValueError, TypeError, OSError, exceptions.OptionsError) as error:
            problems = str(error).splitlines()
            self.core.failure = "; ".join(problems)
            for problem in problems:
                logger.error("%s", problem)
            return
        if is_opening:
            self._servers.changed.connect(self._default_listeners_are_up)

    def configure(self, updated: set[str]) -> None:
        if self._is_running or not self.core.failure:
            _refuse(_mitmproxys(ctx.options, updated))
        if not self._is_running or not updated & set(SETTINGS):
            return
        if changed := updated & _AT_START_ONLY:
            raise exceptions.OptionsError(f"{changed.pop()} takes effect only at the start: restart the proxy")
        try:
            self.core.change(from_options(_current(ctx.options), self._secrets))
        except SettingError as error:
            raise exceptions.OptionsError(str(error)) from error

    def running(self) -> Any:
        self._is_running = True
        # mitmproxy says nothing about unknown options: an addon might still declare them.
        if unknown := sorted(name for name in ctx.options.deferred if name.startswith(OPTION_PREFIX)):
            logger.warning("no such option (check its spelling), so it is ignored: %s", ", ".join(unknown))
        if self.core.failure:
            return None
        try:
            self.core.open()
        except OSError as error:
            self.core.failure = f"DATA_DIR: {error.filename or self.core.log.path}: {error.strerror}"
            logger.error("%s", self.core.failure)
            return None
        # The rest is a task, because mitmproxy's script reloader does not survive an `async def running`.
        return asyncio_utils.create_task(self._serve(), name="modeltrack listeners", keep_ref=True)

    async def _serve(self) -> None:
        await self._listen()
        if ctx.options.server:
            addresses = [address[:2] for server in self._servers for address in server.listen_addrs]
            logger.info("%s", open_doors(self.core.settings, addresses))

    async def _default_listeners_are_up(self) -> None:
        """Replace the default listeners before mitmproxy checks whether the start went well."""
        self._servers.changed.disconnect(self._default_listeners_are_up)
        self._drop_failed()
        await self._servers.update([])
        self._quiet.end()
        await self._listen()

    async def _listen(self) -> None:
        """Open the listeners that the options ask for; those that are open already stay so."""
        options = ctx.options
        if not options.server or self.core.failure:
            return
        self._drop_failed()
        modes = [mode_specs.ProxyMode.parse(mode) for mode in options.mode]
        # mitmproxy tells listeners apart by mode alone, so it would keep one on a port that is no longer wanted.
        ports = [
            (s.listen_addrs[0][1], s.mode.listen_port(options.listen_port)) for s in self._servers if s.listen_addrs
        ]
        if any(wanted and wanted != port for port, wanted in ports):
            await self._servers.update([])
        await self._servers.update(modes)

    def _drop_failed(self) -> None:
        """Remove listeners that did not start: mitmproxy asserts, when it stops a listener, that it had started."""
        for server in [server for server in self._servers if not server.is_running]:
            del self._servers._instances[server.mode]


def _forgive_default_listeners() -> None:
    """Clear the error of a default port that is taken: mitmproxy would not start, though another port is wanted."""
    errorcheck = ctx.master.addons.get("errorcheck")
    if not errorcheck:
        return
    errors: list[logging.LogRecord] = errorcheck.logger.has_errored
    kept = [record for record in errors if record.name not in _Quiet.LOGGERS]
    if len(kept) < len(errors):
        errors[:] = kept
        logger.info("ignore the error above: mitmproxy tried its default port before the configuration was read")


class _Quiet(logging.Filter):
    """Keeps messages about the default listeners, which mitmproxy opens before it knows the options, out of the log."""

    LOGGERS = ("mitmproxy.addons.proxyserver", "mitmproxy.proxy.mode_servers")

    def __init__(self) -> None:
        super().__init__()
        for name in self.LOGGERS:
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return False

    def end(self) -> None:
        for name in self.LOGGERS:
            logging.getLogger(name).removeFilter(self)


def apply_options(options: optmanager.OptManager, environ: Mapping[str, str], argv: list[str]) -> None:
    """Give each option the value of the source that comes first in the precedence.

    Raises SettingError, OptionsError, and OSError if mitm.conf cannot be read.
    """
    options.process_deferred()  # apply `--set modeltrack_…`, which mitmproxy read before these options existed
    from_command_line, specs = _command_line(options, argv)
    conf = optmanager.parse(MITM_CONF.read_text("utf8")) if MITM_CONF else {}
    environment = from_environment(environ)
    if level := environment.get(_VERBOSITY[0]):
        environment |= dict.fromkeys(_VERBOSITY, level)
    wanted = conf | _config_yaml(options) | environment
    options.update_defer(**{name: value for name, value in wanted.items() if name not in from_command_line})
    options.set(*specs, defer=True)


def _command_line(options: optmanager.OptManager, argv: list[str]) -> tuple[set[str], list[str]]:
    """Return the names of the options that the command line sets, and its `--set` arguments."""
    program = Path(argv[0]).stem if argv else ""
    if program not in ("mitmdump", "mitmproxy", "mitmweb"):
        return set(), []
    make_parser: Callable[[optmanager.OptManager], ArgumentParser] = getattr(cmdline, program)
    args = make_parser(options).parse_known_args(argv[1:])[0]
    names = {name for name, value in vars(args).items() if name in options and value is not None}
    if args.verbose or args.quiet:
        names.update(_VERBOSITY)
    if args.quiet:
        names.add("flow_detail")
    return names | {spec.partition("=")[0] for spec in args.setoptions}, args.setoptions


def _config_yaml(options: optmanager.OptManager) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("config.yaml", "config.yml"):
        path = Path(options.confdir, name).expanduser()
        if path.is_file():
            found |= optmanager.parse(path.read_text("utf8"))
    return found


def _mitmproxys(options: optmanager.OptManager, names: Iterable[str]) -> dict[str, Any]:
    """Return those of mitmproxy's own options that this program has."""
    return {name: getattr(options, name) for name in names if name in options}


def _refuse(options: dict[str, Any]) -> None:
    """Raise OptionsError, in one line, for options that would break a promise."""
    if found := problem(options):
        raise exceptions.OptionsError(found)


def _current(options: optmanager.OptManager) -> dict[str, Any]:
    return {name: getattr(options, name) for name in SETTINGS}
