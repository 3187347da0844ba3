"""A run that is killed goes on to the very end it would have come to: bit for bit, by a real kill of a real process."""

import random

import pytest
import torch

from smoothkit.checkpoint import FILE, load_checkpoint

VARIANTS = """
[train]
epochs = 12
batch_size = 32
[evaluate]
metrics = ["accuracy", "nll", "ece"]

[variants.onehot]
target = "onehot"
[variants."ls++"]
target = { name = "ls++", lr = 0.5 }
[variants.ols]
target = "ols"
[variants.everything]
target = { name = "ls++", learn_from_soft = true }
run.log_every = 7
run.precision = "bfloat16"
train = { optimizer = "adamw", lr = 0.01, ema = 0.9, clip = 1.0, augment = ["crop", "flip", "mixup"] }
data = { label_noise = { rate = 0.2 } }
model = { name = "mlp", hidden = [16] }
"""

KILLER = """
import os, signal
from smoothkit import hookimpl

@hookimpl
def smoothkit_logged(run, step, values):
    if step >= int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.Signals[os.environ["KILL_BY"]])
"""


def alike(one, other):
    """Whether two checkpoints hold the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


@pytest.mark.parametrize("variant", ["onehot", "ls++", "ols", "everything"])
def test_a_killed_run_comes_to_the_same_end(variant, smoothkit, smoothkit_process, write, tiny, tmp_path):
    step = random.randrange(1, 116)  # Another one each time; a failure shows it.
    path = write(tiny.read_text().partition("[train]")[0] + VARIANTS)
    command = ("run", path, "run.checkpoint_every=20", "--variants", variant, "--jobs", "1", "--quiet", "--output")
    killed = smoothkit_process(
        "--plugin", write(KILLER, "killer.py"), *command, "out", KILL_AT=str(step), KILL_BY="SIGKILL"
    )
    # The whole run, while the other process is on its way to its death.
    assert smoothkit(*command, "reference").exit_code == 0
    out, errors = killed.communicate(timeout=120)
    assert (killed.returncode, out, errors) == (-9, "", "")
    runs = {name: tmp_path / name / variant / "seed-0" for name in ("out", "reference")}
    assert not (runs["out"] / "result.json").exists()
    kept = (load_checkpoint(runs["out"]) or {"step": 0})["step"]
    assert kept % 20 == 0
    assert step - 20 <= kept < step + 7

    assert smoothkit("resume", "out", "--jobs", "1", "--quiet").exit_code == 0
    for name in ("metrics.jsonl", "result.json", "config.toml"):
        assert (runs["out"] / name).read_bytes() == (runs["reference"] / name).read_bytes()
    resumed, reference = load_checkpoint(runs["out"]), load_checkpoint(runs["reference"])
    assert reference["step"] == 120
    assert alike(resumed, reference)
    # The state that makes a target what it is has moved, and is among what was compared.
    state = reference["tracked"]["target"]
    moved = {"ls++": "theta", "everything": "theta", "ols": "spread"}
    assert variant not in moved or state[moved[variant]].unique().numel() > 1
    assert ("average" in reference["tracked"]) == (variant == "everything")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_writes_a_checkpoint(smoothkit, smoothkit_process, quadratic, tmp_path):
    stopped = smoothkit_process(
        "run", quadratic, "signal_at=13", "signal=SIGINT", "--variants", "LS", "--jobs", "1", "--output", "out"
    )
    out, errors = stopped.communicate(timeout=120)
    assert stopped.returncode == 130
    assert "stopping after a checkpoint" in errors
    assert "resume out` goes on from the checkpoints" in errors
    assert load_checkpoint(tmp_path / "out" / "ls" / "seed-0")["step"] == 13
    assert smoothkit("resume", "out", "--jobs", "1").exit_code == 0
    smoothkit("run", quadratic, "--variants", "LS", "--jobs", "1", "--output", "reference")
    checkpoints = [load_checkpoint(tmp_path / name / "ls" / "seed-0") for name in ("out", "reference")]
    assert alike(*checkpoints)
    assert FILE.name == "state.pt"
    assert out
