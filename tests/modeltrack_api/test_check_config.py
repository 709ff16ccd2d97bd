import subprocess
import sys
from pathlib import Path

import pytest

from modeltrack_api.check_config import problems
from tests import ROOT


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "modeltrack_api.check_config", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_files_that_come_with_the_project_are_good() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (0, f"{ROOT / 'data'}: no problems\n")


def test_each_problem_is_one_line_that_says_where_it_is(tmp_path: Path) -> None:
    budget = '{"team": "t", "monthly_limit": 0, "action": "deny"}'
    (tmp_path / "budgets.json").write_text('{"budgets": [' + budget + '], "note": 1}')
    (tmp_path / "routing.json").write_text('{"rules": [}')
    (tmp_path / "namespace_map.json").write_text('{"ns": ""}')
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "budgets.json: budgets.0.monthly_limit: must be greater than 0",
        "budgets.json: budgets.0.action: must be 'block' or 'warn', not 'deny'",
        "budgets.json: note: unknown key",
        "routing.json: not valid JSON: Expecting value, line 1 column 12",
        "namespace_map.json: ns: must have at least 1 character",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"budgets": [], "budgets": []}', "budgets.json: duplicate key 'budgets'"),
        ('{"budgets": NaN}', "budgets.json: NaN is not valid JSON"),
        ("[" * 100_000, "budgets.json: not valid JSON: nested too deeply"),
        ("[]", "budgets.json: must be an object"),
    ],
    ids=range(4),
)
def test_what_is_no_sound_json_is_a_problem(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "budgets.json").write_text(content)
    assert problems(tmp_path) == [says]


def test_a_file_that_is_not_there_is_no_problem_but_a_folder_is(tmp_path: Path) -> None:
    assert problems(tmp_path) == []
    assert run(str(tmp_path / "none")).returncode == 1


@pytest.mark.parametrize("data_dir", ["", "../data"])
def test_without_a_folder_it_checks_the_one_that_the_proxy_uses(tmp_path: Path, data_dir: str) -> None:
    env = {"DATA_DIR": data_dir, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "modeltrack_api.check_config"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"{ROOT / 'data'}: no problems\n"
