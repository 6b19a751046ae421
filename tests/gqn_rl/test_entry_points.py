"""Names stand for what a table lists, or say themselves where it is."""

from __future__ import annotations

import json
import sys

import pytest

from gqn_rl.encoders import make_encoder
from gqn_rl.entry_points import find, is_entry_point
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer

TABLE = {"json": "json:dumps", "broken": "a_package_nobody_has:Thing"}


def test_a_name_of_the_table_and_an_entry_point_are_found():
    assert find("writer", "json", TABLE) is json.dumps
    assert find("writer", "json.decoder:JSONDecoder", TABLE) is json.JSONDecoder


@pytest.mark.parametrize("name", ["other", "json:", ":dumps", "json:a.b", "runs/a:b", "1a:b"])
def test_other_text_is_an_unknown_name(name):
    assert not is_entry_point(name)
    with pytest.raises(UserError, match=r"unknown writer .*; expected one of \['broken', 'json'\]"):
        find("writer", name, TABLE)


@pytest.mark.parametrize("name", ["broken", "a_package_nobody_has:Thing"])
def test_a_module_that_is_not_there_is_named(name):
    with pytest.raises(UserError, match=f"{name!r} needs the package 'a_package_nobody_has'"):
        find("writer", name, TABLE)


def test_an_attribute_that_is_not_there_is_named():
    with pytest.raises(UserError, match="module 'json' has no 'Dumper'"):
        find("writer", "json:Dumper", TABLE)


def test_a_mistake_in_a_module_of_ones_own_keeps_its_traceback(tmp_path, monkeypatch):
    (tmp_path / "mistaken_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        find("writer", "mistaken_module:Thing", TABLE)


def test_encoders_and_renderers_are_found_by_entry_point(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(
        "def encoder(device, seed):\n    return device, seed\n\n"
        "def renderer(image_size, **options):\n    return image_size, options\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert make_encoder("own_parts:encoder", device="cpu", seed=3) == ("cpu", 3)
    assert make_renderer("own_parts:renderer", 32, colour=True) == (32, {"colour": True})
    sys.modules.pop("own_parts")


def test_a_checkpoint_whose_path_looks_like_an_entry_point_is_still_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs:last").mkdir()
    with pytest.raises(UserError, match="runs:last"):
        make_encoder("runs:last")
