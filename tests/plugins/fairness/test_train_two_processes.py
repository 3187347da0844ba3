"""Two processes that train one model on groups together give what one process gives, through the real command line."""

from pathlib import Path

import pytest
import torch

from smoothkit.checkpoint import load_checkpoint

GROUPED = Path(__file__).parent / "grouped.py"

# 320 samples in batches of 32: every batch is whole, and a share of 16 has often no sample of the smallest group.
SCENARIO = """
scenario = "fairness"
[run]
device = "cpu"
threads = 1
checkpoint_every = 20
log_every = 5
[data]
name = "grouped"
train_limit = 320
[model]
name = "mlp"
hidden = [16]
[train]
epochs = 3
batch_size = 32
lr = 0.05
[evaluate]
resamples = 100
[variants.dro]
target = { name = "ls++", lr = 1.0 }
train = { weighting = "dro", dro_step = 0.2, dro_adjustment = 1.0, alpha_by_group = { "far east" = 0.3 }, clip = 1.0 }
[variants.independence]
target = "ols"
train = { weighting = "independence", alpha_by_group = { "far east" = 0.1 } }
"""
STATE = {"dro": "theta", "independence": "spread"}


def test_two_processes_give_the_weights_of_one(smoothkit, smoothkit_process, write, tmp_path):
    path = write(SCENARIO)
    command = ("run", path, "--quiet", "--output")
    two = smoothkit_process("--plugin", GROUPED, *command, "two", "--nproc", "2")
    assert smoothkit(*command, "one", "--jobs", "1", files=(GROUPED,)).exit_code == 0
    _, errors = two.communicate(timeout=240)
    assert (two.returncode, errors) == (0, "")
    for variant, state in STATE.items():
        one, both = (load_checkpoint(tmp_path / name / variant / "seed-0") for name in ("one", "two"))
        assert both["processes"] == 2
        assert both["tracked"].keys() == one["tracked"].keys()
        for thing in ("model", "target", "weighting"):
            for name, value in one["tracked"][thing].items():
                torch.testing.assert_close(both["tracked"][thing][name], value, rtol=0, atol=1e-5)
        own, shared = (one["tracked"]["target"][f"{place}.{state}"] for place in ("named.0", "target"))
        assert own.unique().numel() > 3
        assert not torch.equal(own, shared)
        for (step, values), (other_step, other) in zip(one["rows"], both["rows"], strict=True):
            assert step == other_step
            assert values == pytest.approx(other, abs=1e-4)
    log_q = load_checkpoint(tmp_path / "two" / "dro" / "seed-0")["tracked"]["weighting"]["log_q"]
    assert log_q.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert log_q.argmax() == 2
