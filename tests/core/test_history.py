"""What a run recorded, in memory and in its file."""

import json
import math

import pytest

from smoothkit.errors import TrainingError
from smoothkit.history import History


def test_every_row_is_on_disk_when_it_is_added(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    for step in (1, 2):
        history.add(step, {"train/loss": step / 2, "undefined": math.nan})
        rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
        assert rows[-1] == {"step": step, "train/loss": step / 2, "undefined": None}
        assert len(rows) == step
    assert history.of("train/loss") == [(1, 0.5), (2, 1.0)]
    assert history.of("nothing") == []


def test_a_row_is_the_histories_own(tmp_path):
    values = {"a": 1.0}
    history = History(tmp_path / "metrics.jsonl")
    history.add(1, values)
    values["a"] = 2.0
    assert history.of("a") == [(1, 1.0)]


def test_going_back_forgets_what_came_after(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    for step in range(1, 6):
        history.add(step, {"a": float(step)})
    again = History(tmp_path / "metrics.jsonl")
    again.restore(history.rows[:2])
    assert again.of("a") == [(1, 1.0), (2, 2.0)]
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_a_process_that_does_not_write_remembers_all_the_same(tmp_path):
    history = History(None)
    history.add(1, {"a": 1.0})
    history.restore(history.rows)
    assert history.of("a") == [(1, 1.0)]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"nowhere/metrics\.jsonl: cannot be written: .*`smoothkit resume`"):
        History(tmp_path / "nowhere" / "metrics.jsonl").add(1, {})
