"""A command line is settings, or one line about what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.shared.arguments import in_one_line, parsed
from gqn_rl.errors import UserError


@dataclass(frozen=True)
class Settings:
    output: Path
    """A folder."""
    seed: int = 0
    """Seed."""
    share: float | None = None
    """Part of it."""
    num_views: tuple[int, ...] = (1, 2)
    """Numbers."""
    moves: tuple[str, ...] | None = None
    """Names."""
    full: bool = False
    """All of it."""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--output a --seed abc", "--seed is 'abc', expected a whole number"),
        ("--output a --seed=", "--seed is '', expected a whole number"),
        ("--output a --seed 1.5 --share x", "--seed is '1.5', expected a whole number"),
        ("--output a --seed 1 2", "--seed is followed by '1 2', expected one value"),
        ("--output a --share soon", "--share is 'soon', expected a number or None"),
        ("--output a --num_views 1 x", "--num-views is 'x', expected a whole number"),
        ("--output a --sede 1", "unknown flag --sede; did you mean --seed?"),
        ("--output a -qq 1", "unknown flag -qq; --help lists all"),
        ("--output a --seed", "--seed has no value, expected a whole number"),
        ("--output --seed 1", "--output has no value, expected a path"),
        ("--seed 1", "--output is missing, expected a path"),
        ("stray --output a", "'stray' follows no flag, expected one such as --output"),
        (
            "--output a --full yes",
            "--full is followed by 'yes', expected nothing; --full and --no-full take no value",
        ),
    ],
)
def test_a_mistake_is_one_line_with_flag_value_and_what_is_expected(words: str, line: str) -> None:
    with pytest.raises(UserError) as refusal:
        parsed(Settings, words.split(), None)
    assert str(refusal.value) == line


def test_nothing_that_is_accepted_counts_as_a_mistake() -> None:
    words = "--output a --seed -3 --share None --num-views 4 5 6 --moves --no-full"
    assert parsed(Settings, words.split(), None) == Settings(Path("a"), -3, None, (4, 5, 6), ())
    assert parsed(Settings, ["--output=-", "--share=-1e-3"], None) == Settings(Path("-"), 0, -1e-3)


def test_what_only_the_reader_of_flags_knows_is_told_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("experiments.shared.arguments.mistakes", lambda *_: iter(()))
    with pytest.raises(UserError) as refusal:
        parsed(Settings, ["--output", "a", "--seed", "abc"], None)
    assert "--seed" in str(refusal.value)
    assert "abc" in str(refusal.value)
    assert in_one_line(str(refusal.value)) == str(refusal.value)


def test_help_leaves_without_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parsed(Settings, ["--help"], "Does something.")
    assert not leaving.value.code
    assert "--seed INT" in capsys.readouterr().out
