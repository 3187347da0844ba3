"""Files are written whole or not at all."""

import json
import math
import os
from pathlib import Path

import pytest

from smoothkit.files import finite, read_arrays, write_arrays, write_json, write_text


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


def test_arrays_come_back_as_they_were(tmp_path):
    write_arrays(tmp_path / "rows.npz", {"nll": [0.1, math.inf], "accuracy": (1.0, 0.0)})
    read = read_arrays(tmp_path / "rows.npz")
    assert {name: values.tolist() for name, values in read.items()} == {"nll": [0.1, math.inf], "accuracy": [1.0, 0.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["rows.npz"]


def test_arrays_that_cannot_be_written_leave_the_old_ones(tmp_path, monkeypatch):
    path = tmp_path / "rows.npz"
    write_arrays(path, {"nll": [1.0]})

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*rows\.npz'"):
        write_arrays(path, {"nll": [2.0]})
    monkeypatch.undo()
    assert read_arrays(path)["nll"].tolist() == [1.0]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npz"]


def test_a_damaged_file_of_arrays_is_named(tmp_path):
    path = tmp_path / "rows.npz"
    write_arrays(path, {"nll": [1.0] * 100})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"rows\.npz: "):
        read_arrays(path)
