"""Test the export of GET /api/reports/executive."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeltrack_api.reports.spreadsheet import as_csv, harmless
from modeltrack_api.web.handler import Reply
from tests.modeltrack_api.queries.asking import ALL_PRICED, Database, at, line
from tests.modeltrack_api.reports.reported import LINES, calls


class TestExport:
    def test_json_is_the_report_itself(self, database: Database) -> None:
        ask = database(*LINES)
        found = ask("executive_export")
        assert isinstance(found, Reply)
        assert json.loads(found.content, parse_float=Decimal) == ask("executive")
        assert found.content_type == "application/json"
        assert found.headers == {
            "Content-Disposition": 'attachment; filename="modeltrack-monthly-report-2026-04-03.json"'
        }

    def test_csv_has_every_number_of_the_report(self, database: Database) -> None:
        ask = database(*LINES)
        found = ask("executive_export", format="csv")
        assert found.content_type == "text/csv; charset=utf-8"
        assert found.headers["Content-Disposition"].endswith('.csv"')
        rows = list(csv.DictReader(io.StringIO(found.content.decode(), newline="")))
        report = ask("executive")
        values = {(row["section"], row["name"]): row["value"] for row in rows}
        for section in ("summary", "trends"):
            for name, value in report[section].items():
                cell = values[section, name]
                assert (Decimal(cell) if cell else None) == value
        teams = [row for row in rows if row["section"] == "spend_by_team"]
        assert [
            (
                row["name"],
                *(Decimal(row[name]) for name in ("spend_usd", "requests", "pct_of_total", *ALL_PRICED)),
            )
            for row in teams
        ] == [tuple(row.values()) for row in report["spend_by_team"]]
        days = [row for row in rows if row["section"] == "daily_spend"]
        assert sum(Decimal(row["spend_usd"]) for row in days) == report["summary"]["total_spend"]
        texts = [row["value"] for row in rows if row["section"] == "recommendations"]
        assert [text.lstrip("'") for text in texts] == report["recommendations"]

    def test_csv_leaves_a_cell_empty_where_nothing_is_known(self, database: Database) -> None:
        found = database(line(at("2026-04-01"), 1, None, team="a"))("executive_export", format="csv")
        rows = list(csv.DictReader(io.StringIO(found.content.decode(), newline="")))
        [team] = [row for row in rows if row["section"] == "spend_by_team"]
        assert (team["name"], team["spend_usd"], team["pct_of_total"], team["unpriced_requests"]) == ("a", "", "", "1")
        assert [row["value"] for row in rows if row["name"] == "total_spend"] == [""]

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t=", "＝", "＠"])  # noqa: RUF001
    def test_no_label_becomes_a_formula(self, database: Database, begin: str) -> None:
        name = begin + "cmd|'/c calc'!A1,\"x\";=1"
        members = dict.fromkeys(("team", "model", "feature", "user", "key_id"), name)
        content = database(*calls(("2026-04-01", 1, members)))("executive_export", format="csv").content.decode()
        rows = list(csv.DictReader(io.StringIO(content, newline="")))
        found = {row["section"]: row["name"] for row in rows if row["section"].startswith("spend_by")}
        labels = ("team", "model", "feature", "user", "key")
        assert found == dict.fromkeys((f"spend_by_{label}" for label in labels), "'" + name)

    @given(st.text())
    def test_a_cell_says_what_it_said(self, text: str) -> None:
        assert harmless(text) in (text, "'" + text)
        assert not harmless(text).lstrip().startswith(tuple("=+-@"))

    def test_small_amounts_have_no_exponent(self) -> None:
        report: dict[str, Any] = {
            "period": {},
            "summary": {"total_spend": Decimal("1E-9")},
            "trends": {"spend_change_pct": None},
            **{f"spend_by_{label}": () for label in ("team", "model", "feature", "user", "key")},
            **dict.fromkeys(("daily_spend", "optimization_actions", "recommendations"), ()),
        }
        assert b'"summary","total_spend","0.000000001"' in as_csv(report)
        assert b'"trends","spend_change_pct",""' in as_csv(report)
