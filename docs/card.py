"""The tables of docs/weights.md, made from what `make card` measured.

    python docs/card.py BASE/metrics.json SMALL/metrics.json

writes them between the two marks of the page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("weights.md")
BEGIN, END = "<!-- card -->\n", "<!-- end of card -->\n"
GOALS = {
    ("grid", "1"): ("16 / 5", "10 / 2"),
    ("grid", "2"): ("9 / 1.8", "5 / 0.8"),
    ("grid", "3"): ("5.0 / 0.7", "2.5 / 0.3"),
    ("free", "3"): ("6 / 0.9", "3.5 / 0.4"),
}
"""Target and what would be beyond it, RMSE / MAE of one sample."""
ERRORS = ("scenes, views", "target", "beyond", "ideal: sample", "ideal: mean", "**`base`**")
ERRORS += ("mean of its samples", "object PSNR", "bare `base`", "`small`")
SPREAD = ("scenes, views", "std of samples", "expected error of their mean", "its error")
SPREAD += ("AUSE", "AUSE by chance", "ms a scene")


def card(base: dict[str, Any], small: dict[str, Any]) -> str:
    """The two tables in Markdown, a row for each orientation and number of views."""
    places = [(name, views) for name, row in base["prediction"].items() for views in row["views"]]
    ideal = base["prediction"]["grid"]["ideal"]["scenes"]
    note = f"RMSE / MAE over {base['scenes']} scenes; the ideal observer saw {ideal} of them."
    errors = [_errors_of(base, small, *place) for place in places]
    spread = [_spread_of(base, *place) for place in places]
    return "\n".join([*_table(ERRORS, errors), "", note, "", *_table(SPREAD, spread), ""])


def _errors_of(
    base: dict[str, Any], small: dict[str, Any], orientation: str, views: str
) -> list[str]:
    found = base["prediction"][orientation]
    one, ideal = found["views"][views], found["ideal"]["views"].get(views, {})
    return [
        f"{orientation}, {views}",
        *GOALS.get((orientation, views), ("", "")),
        _errors(ideal.get("sample")),
        _errors(ideal),
        f"**{_errors(one)}**",
        _errors(one.get("mean_of_samples")),
        f"{one['foreground_psnr']:.1f} dB",
        _errors(found["bare"][views]),
        _errors(small["prediction"][orientation]["views"].get(views)),
    ]


def _spread_of(base: dict[str, Any], orientation: str, views: str) -> list[str]:
    found = base["calibration"][orientation][views]
    numbers = [base["prediction"][orientation]["views"][views]["sample_std"]]
    numbers += [found[key] for key in ("expected", "error", "ause", "ause_random")]
    milliseconds = f"{1000 * base['seconds_a_scene'][orientation][views]:.0f}"
    return [f"{orientation}, {views}", *(f"{number:.2f}" for number in numbers), milliseconds]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = (headings, ["---"] * len(headings), *rows)
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _errors(row: dict[str, Any] | None) -> str:
    return f"{row['rmse']:.2f} / {row['mae']:.2f}" if row else ""


def main() -> None:
    base, small = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{card(base, small)}{END}{after}")


if __name__ == "__main__":
    main()
