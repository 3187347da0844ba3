"""Two processes that play one game together come to what one process comes to, through the real command line."""

import pytest
import torch

from smoothkit.checkpoint import load_checkpoint

# Batch norm would normalise by each process's own share, and is left out.
SCENARIO = """
scenario = "gan"
[run]
device = "cpu"
threads = 1
seeds = 2
checkpoint_every = 10
log_every = 5
[target]
name = "binary"
real = 0.9
[data]
name = "ring"
train_samples = 1000
test_samples = 100
[generator]
hidden = [12]
[discriminator]
hidden = [10]
spectral_norm = true
packing = 2
[train]
steps = 20
batch_size = 32
discriminator_steps = 2
r1 = 0.1
gradient_penalty = 0.1
instance_noise = 0.1
[evaluate]
every = 100
samples = 100
[variants.logistic]
[variants.pairs]
train = { loss = "relativistic", r2 = 0.1 }
"""


def test_two_processes_give_the_weights_of_one(smoothkit, smoothkit_process, write, tmp_path):
    path = write(SCENARIO)
    command = ("run", path, "--quiet", "--output")
    two = smoothkit_process(*command, "two", "--nproc", "2")
    assert smoothkit(*command, "one", "--jobs", "1").exit_code == 0
    _, errors = two.communicate(timeout=240)
    assert (two.returncode, errors) == (0, "")
    # Pairs do not depend on the discriminator's last bias: its gradient is rounding, which Adam magnifies.
    compared = {"logistic": ("generator", "discriminator", "average"), "pairs": ("generator", "average")}
    for variant, things in compared.items():
        for seed in (0, 1):
            one, both = (load_checkpoint(tmp_path / name / variant / f"seed-{seed}") for name in ("one", "two"))
            assert both["processes"] == 2
            for thing in things:
                for name, value in one["tracked"][thing].items():
                    torch.testing.assert_close(both["tracked"][thing][name], value, rtol=0, atol=1e-5)
            for (step, values), (other_step, other) in zip(one["rows"], both["rows"], strict=True):
                assert step == other_step
                losses = {name: value for name, value in values.items() if name.startswith("train/")}
                assert losses == pytest.approx({name: other[name] for name in losses}, abs=1e-4)
