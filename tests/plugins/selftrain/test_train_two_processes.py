"""Two processes that train together, through the real command line: they come to what one process comes to."""

import pytest
import torch

from smoothkit.checkpoint import load_checkpoint

SCENARIO = """
scenario = "selftrain"
[run]
device = "cpu"
threads = 1
seeds = 2
checkpoint_every = 10
log_every = 5
[data]
unlabelled = 150
held_out = 30
[model]
hidden = [12]
[pseudo]
alignment = "uniform"
[select]
rule = "self-adaptive"
weights = "gaussian"
[train]
supervised_steps = 6
rounds = 2
steps = 7
batch_size = 32
mean_over = "selected"
average = 0.9
[views]
strong = [{ name = "crop", padding = 1 }, { name = "noise", std = 0.3 }]
[evaluate]
anchors = []
[variants."step by step"]
pseudo = { teacher = "average" }
[variants.mixed]
train = { mixup = 0.5 }
target = "ls++"
[variants.rounds]
pseudo = { relabel = "round", target = "measured-ls" }
train = { restart = true }
"""


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(smoothkit, smoothkit_process, write, tmp_path):
    path = write(SCENARIO)
    command = ("run", path, "--quiet", "--output")
    two = smoothkit_process(*command, "two", "--nproc", "2")
    assert smoothkit(*command, "one", "--jobs", "1").exit_code == 0
    _, errors = two.communicate(timeout=400)
    assert (two.returncode, errors) == (0, "")
    for variant in ("step by step", "mixed", "rounds"):
        folder = variant.replace(" ", "-")
        for seed in (0, 1):
            one, both = (load_checkpoint(tmp_path / name / folder / f"seed-{seed}") for name in ("one", "two"))
            assert both["processes"] == 2
            for thing in ("network", "average", "labeller", "chronicle"):
                for name, value in one["tracked"][thing].items():
                    torch.testing.assert_close(both["tracked"][thing][name], value, rtol=0, atol=1e-4)
            for (step, values), (other_step, other) in zip(one["rows"], both["rows"], strict=True):
                assert step == other_step
                losses = {name: value for name, value in values.items() if name.startswith("train/")}
                assert losses == pytest.approx({name: other[name] for name in losses}, abs=1e-3)
