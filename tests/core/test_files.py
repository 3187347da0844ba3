"""Files are written whole or not at all."""

import json
import math
import os
from pathlib import Path

import pytest

from smoothkit.files import finite, write_json, write_text


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "twö")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("a.txt", "twö")]


@pytest.mark.parametrize("failing", ["write_text", "replace"])
def test_a_failure_keeps_the_old_file_and_names_it(failing, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*(Path, "write_text", fail) if failing == "write_text" else (os, "replace", fail))
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        write_text(path, "new")
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_json_has_no_nan_at_any_depth(tmp_path):
    content = {"a": [1.5, math.nan, (math.inf, {"b": -math.inf})], "c": "NaN", "d": 3, "e": None}
    write_json(tmp_path / "a.json", content)
    read = json.loads((tmp_path / "a.json").read_text())
    assert read == {"a": [1.5, None, [None, {"b": None}]], "c": "NaN", "d": 3, "e": None} == finite(content)
