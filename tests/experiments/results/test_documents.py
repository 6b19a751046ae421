"""Blocks of documents are filled in from records."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.results import documents
from experiments.results.documents import Records, Values, filled, rendered
from gqn_rl.errors import UserError

RECORDS = Records(
    example=Values(
        {
            "accuracy": 0.9128,
            "accuracy_95": [0.85, 0.93],
            "views": {"3": {"rmse": 2.56}},
            "networks": [0.2, 0.3, 0.46],
            "look around, random weights": {"looks": 7.0},
            "steps": 133120,
        },
        "example",
    )
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{example.accuracy:.3f}", "0.913"),
        ("({example.accuracy_95:.2f})", "(0.85 to 0.93)"),
        ("{example.networks:.2f}", "0.20 to 0.46"),
        ("{example.networks.1:.1f}", "0.3"),
        ("{example.views.3.rmse:.1f}", "2.6"),
        ("{example.look around, random weights.looks:.0f} looks", "7 looks"),
        ("{example.steps:,} steps", "133,120 steps"),
        ("plain", "plain"),
    ],
)
def test_fields_are_read_from_records(template: str, expected: str) -> None:
    assert rendered(template, RECORDS) == expected


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{example.precision:.3f}", "no example.precision"),
        ("{example.views.4.rmse:.3f}", "no example.views.4"),
        ("{example.views:.3f}", "example.views is several numbers"),
        ("{example.accuracy:q}", "example.accuracy is 0.9128"),
        ("{no_such_record.accuracy:.3f}", "no_such_record.json is no record"),
    ],
)
def test_a_field_that_no_record_has_is_refused(template: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        rendered(template, RECORDS)


def test_only_blocks_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "accuracy.md.in").write_text("It is {example.accuracy:.2f}.\n")
    monkeypatch.setattr(documents, "TEMPLATES", tmp_path)
    text = "{x} 1\n<!-- results: accuracy -->\nold\n<!-- end of results -->\n2\n"
    expected = text.replace("old", "It is 0.91.")
    assert filled(text, RECORDS) == expected
    assert filled(expected, RECORDS) == expected
    with pytest.raises(UserError, match=r"no template missing\.md\.in"):
        filled(text.replace("results: accuracy", "results: missing"), RECORDS)
