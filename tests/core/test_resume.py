"""A run that is killed goes on to the very end it would have come to: bit for bit, by a real kill of a real process."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
import torch

from smoothkit.checkpoint import FILE, load_checkpoint
from tests.conftest import TINY

NAMES = ("onehot", "ls++", "ols", "everything")

VARIANTS = """
[train]
epochs = 12
batch_size = 32
[evaluate]
metrics = ["accuracy", "nll", "ece"]
after_temperature = []

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
        os.kill(os.getpid(), signal.SIGKILL)
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


# One process imports all that a run imports and forks a child for each variant, which is killed in its run: importing
# takes several times as long as training.
FORKS = """
import json, os, sys
import sklearn.datasets, torch._dynamo
from smoothkit.cli import main

children = {}
for variant, step in json.loads(sys.argv[1]).items():
    children[variant] = os.fork()
    if not children[variant]:
        os.environ["KILL_AT"] = str(step)
        main([*sys.argv[2:], "--variants", variant, "--output", f"killed-{variant}"])
print(json.dumps({variant: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for variant, child in children.items()}))
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder in which the run of each variant was killed, and the step at which."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "tiny.toml").write_text(TINY.partition("[train]")[0] + VARIANTS)
    (folder / "killer.py").write_text(KILLER)
    steps = {variant: random.randrange(1, 116) for variant in NAMES}  # Others each time; a failure shows them.
    options = ("--no-plugin", "tensorboard", "--plugin", "killer.py")
    command = ("run", "tiny.toml", "run.checkpoint_every=20", "--jobs", "1", "--quiet")
    forked = subprocess.run(
        [sys.executable, "-c", FORKS, json.dumps(steps), *options, *command],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert forked.stderr == ""
    assert json.loads(forked.stdout) == dict.fromkeys(NAMES, -signal.SIGKILL)
    return folder, steps


@pytest.mark.parametrize("variant", NAMES)
def test_a_killed_run_comes_to_the_same_end(variant, killed, smoothkit, monkeypatch):
    folder, steps = killed
    monkeypatch.chdir(folder)
    command = ("run", "tiny.toml", "run.checkpoint_every=20", "--variants", variant, "--jobs", "1", "--quiet")
    assert smoothkit(*command, "--output", f"reference-{variant}").exit_code == 0
    runs = {name: folder / f"{name}-{variant}" / variant / "seed-0" for name in ("killed", "reference")}
    assert not (runs["killed"] / "result.json").exists()
    kept = (load_checkpoint(runs["killed"]) or {"step": 0})["step"]
    assert kept % 20 == 0
    assert steps[variant] - 20 <= kept < steps[variant] + 7

    assert smoothkit("resume", f"killed-{variant}", "--jobs", "1", "--quiet").exit_code == 0
    for name in ("metrics.jsonl", "result.json", "config.toml"):
        assert (runs["killed"] / name).read_bytes() == (runs["reference"] / name).read_bytes()
    resumed, reference = load_checkpoint(runs["killed"]), load_checkpoint(runs["reference"])
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
