"""Checkpoints are whole or not there, and hold nothing but data."""

import os
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch

from smoothkit.checkpoint import FILE, load_checkpoint
from smoothkit.errors import OutputError, TrainingError
from tests.core.checkpoints import save_checkpoint

OLD = {"step": 1, "weights": torch.arange(4.0)}
NEW = {"step": 2, "weights": torch.ones(100_000)}


@pytest.fixture
def old(tmp_path):
    save_checkpoint(tmp_path, OLD)
    return tmp_path


def holds(directory, state):
    saved = load_checkpoint(directory)
    assert [path.name for path in (directory / "checkpoint").iterdir()] == ["state.pt"]
    return saved["step"] == state["step"] and torch.equal(saved["weights"], state["weights"])


def test_the_new_replaces_the_old(old):
    assert holds(old, OLD)
    save_checkpoint(old, NEW)
    assert holds(old, NEW)


def test_where_there_is_none_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path) is None


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(("number", "reason"), [(28, "the disk is full"), (5, "Input/output error")])
def test_a_disk_that_fails_keeps_the_old(failing, number, reason, old, monkeypatch):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(TrainingError) as caught:
        save_checkpoint(old, NEW)
    message = str(caught.value)
    assert message.startswith(f"{old / FILE}: the checkpoint cannot be written: ")
    assert reason in message
    assert "the previous one is kept" in message
    assert "\n" not in message
    assert holds(old, OLD)


CHILD = """
    import resource, signal, sys
    import torch
    from pathlib import Path
    from smoothkit.checkpoint import keep_checkpoint, write_checkpoint
    from smoothkit.errors import TrainingError

    folder = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        write_checkpoint(folder, {"step": 2, "weights": torch.ones(100_000)})
        keep_checkpoint(folder)
    except TrainingError as error:
        print(error)
        sys.exit(7)
"""


def test_a_file_system_that_takes_no_more_keeps_the_old(old):
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), old], capture_output=True, text=True, check=False
    )
    assert child.returncode == 7, child.stderr
    (line,) = child.stdout.splitlines()
    assert line.startswith(f"{old / FILE}: the checkpoint cannot be written: ")
    assert holds(old, OLD)


def test_what_is_left_of_a_crash_does_not_disturb(old):
    (old / "checkpoint" / "state.part").write_bytes(b"half a checkp")
    assert load_checkpoint(old)["step"] == 1
    save_checkpoint(old, NEW)
    assert holds(old, NEW)


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"no checkpoint at all"]
)
def test_a_damaged_checkpoint_is_named_with_the_mend(damage, old):
    path = old / FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OutputError) as caught:
        load_checkpoint(old)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read (")
    assert message.endswith(f"; delete the folder {old} to start this run anew")
    assert "\n" not in message


def test_what_could_never_be_read_back_is_refused_at_once(tmp_path):
    good, bad = {"weights": torch.ones(2)}, {"path": tmp_path}
    with pytest.raises(TrainingError) as caught:
        save_checkpoint(tmp_path, {"step": 1, "tracked": {"model": good, "sampler": bad}})
    assert "the state_dict of 'sampler' holds something other than tensors and plain Python data" in str(caught.value)
    assert load_checkpoint(tmp_path) is None


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("never",)


@pytest.mark.parametrize("write", ["torch", "pickle"])
def test_a_checkpoint_runs_no_code(write, old, monkeypatch):
    monkeypatch.chdir(old)
    if write == "torch":
        torch.save({"step": Malicious()}, FILE)
    else:
        FILE.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(OutputError) as caught:
        load_checkpoint(old)
    assert "\n" not in str(caught.value)
    assert not (old / "never").exists()
