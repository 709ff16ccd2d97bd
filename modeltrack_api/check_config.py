"""Check the files in DATA_DIR before ModelTrack uses them: `make check-config`, or for any other folder

    python -m modeltrack_api.check_config path/to/data

It prints each problem as `file: key.path: problem`, and exits with 1 if there is one.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from addons.callers.attribution_file import AttributionFile
from addons.callers.keys import KeysFile
from addons.ledger.budgets import BudgetsFile
from addons.ledger.validation import InvalidFile, parse_model
from addons.llm.model_rules import RoutingFile
from addons.llm.prices.pricing_file import PricingFile
from addons.settings.kinds import DEFAULT_DATA_DIR, DIRECTORY
from modeltrack_api.collector.teams import NamespaceMap

FILES: dict[str, type[BaseModel]] = {
    "budgets.json": BudgetsFile,
    "routing.json": RoutingFile,
    "pricing.json": PricingFile,
    "attribution.json": AttributionFile,
    "keys.json": KeysFile,
    "namespace_map.json": NamespaceMap,
}


def default_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder that the proxy would use. Raises ValueError for what is no path."""
    found: Path = DIRECTORY.parse(environ.get("DATA_DIR") or DEFAULT_DATA_DIR)
    return found


def problems(folder: Path) -> list[str]:
    """Return one line for each problem in the folder's files. A missing file is not a problem."""
    found = []
    for name, model in FILES.items():
        try:
            parse_model(model, (folder / name).read_bytes())
        except FileNotFoundError:
            continue
        except InvalidFile as error:
            found += [f"{name}: {problem}" for problem in error.problems]
        except OSError as error:
            found.append(f"{name}: {error.strerror}")
    return found


def main() -> None:
    """Print the problems of the folder named on the command line, by default of the folder that the proxy would use."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default_folder(os.environ)
    if not folder.is_dir():
        sys.exit(f"{folder}: not a folder")
    found = problems(folder)
    print("\n".join(found) or f"{folder}: no problems")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
