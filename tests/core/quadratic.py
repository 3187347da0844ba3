"""A one-file plugin for tests: a scenario of a few milliseconds that fails, dies or stops where it is told to."""

import math
import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

from smoothkit import hookimpl
from smoothkit.errors import DataError
from smoothkit.scenario import Result, Scenario, ScenarioConfig

smoothkit_api = 1


class QuadraticConfig(ScenarioConfig):
    """A linear model on noise."""

    steps: int = 30
    """Steps."""
    lr: float = 0.1
    """Learning rate."""
    nan_at: int | None = None
    """The step at which the loss is not a number."""
    explode_at: int | None = None
    """The step after which the weights are infinite, though the loss is finite."""
    fail_at: int | None = None
    """The step at which training raises."""
    bad_data_at: int | None = None
    """The step at which the data turn out to be wrong."""
    stall_at: int | None = None
    """The step that never ends."""
    signal_at: int | None = None
    """The step at which the process sends itself `signal`, the first time that a run comes there."""
    signal: str = "SIGKILL"
    """Which signal."""


class Momentum:
    """Gradient descent with momentum.

    An optimiser of torch's imports its compiler, and each worker process of a test would wait for that again.
    """

    def __init__(self, groups, lr):
        self.parameters = [(p, group.get("lr", lr)) for group in groups for p in group["params"]]
        self.velocities = [torch.zeros_like(p) for p, _ in self.parameters]

    def step(self):
        for (parameter, lr), velocity in zip(self.parameters, self.velocities, strict=True):
            velocity.mul_(0.9).add_(parameter.grad)
            parameter.data.sub_(lr * velocity)
            parameter.grad = None

    def state_dict(self):
        return {"velocities": self.velocities}

    def load_state_dict(self, state):
        self.velocities = state["velocities"]


SCENARIO = Scenario(QuadraticConfig, f"{__name__}:train", f"{__name__}:evaluate")


@hookimpl
def smoothkit_scenarios(register):
    register("quadratic", f"{__name__}:SCENARIO")


def train(config, run):
    model = nn.Linear(4, 3)
    target = run.target(config.target, num_classes=3)
    optimizer = Momentum([{"params": model.parameters()}, *target.parameter_groups()], config.lr)
    run.track(model=model, target=target, optimizer=optimizer)
    for step in run.steps(config.steps):
        # One stream of the run's own, and the global one, as dropout uses it.
        inputs = torch.randn(8, 4, generator=run.stream("inputs")) + 0.1 * torch.rand(8, 4)
        labels = torch.randint(3, (8,), generator=run.stream("labels"))
        logits = model(inputs)
        loss = target(logits, labels)
        if step == config.nan_at:
            loss = loss * math.nan
        loss.backward()
        run.sync_grads(model.parameters())
        optimizer.step()
        target.update(logits.detach(), labels)
        run.log(step, loss=loss, doubled=2 * loss.item())
        interfere(config, run, step, model)
        if step % 10 == 0:
            target.end_epoch()
            run.record(step, "test", {"norm": model.weight.norm().item()})
    return model


def interfere(config, run, step, model):
    if step == config.fail_at:
        raise RuntimeError("as told")
    if step == config.stall_at:
        Path(run.directory, "stalled").touch()
        time.sleep(600)
    if step == config.bad_data_at:
        raise DataError("mine.npz: train_images: holds NaN")
    if step == config.explode_at:
        with torch.no_grad():
            model.weight.fill_(math.inf)
    marker = Path(run.directory, "signalled")
    if step == config.signal_at and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.Signals[config.signal])


def evaluate(config, run, trained):
    norm = trained.weight.detach().norm().item()
    return Result({"norm": norm, "undefined": math.nan}, {"norm": "lower"})
