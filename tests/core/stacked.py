"""A one-file plugin for tests: a scenario whose seeds are members of one model, bit for bit what each is alone."""

import math
import os
import signal
from pathlib import Path

import torch
from torch import Tensor, nn

from smoothkit import hookimpl
from smoothkit.scenario import Result, Scenario, ScenarioConfig

smoothkit_api = 1


class StackedConfig(ScenarioConfig):
    """Lines through noise."""

    steps: int = 30
    """Steps."""
    bad_seed: int = 1
    """Whose loss or evaluation goes wrong."""
    nan_at: int | None = None
    """The step at which its loss is not a number."""
    explode_at: int | None = None
    """The step after which its weights are infinite, though its loss is finite."""
    fail_at: int | None = None
    """The step at which training raises, whoever takes part."""
    bad_evaluation: bool = False
    """Whether its evaluation raises."""
    short: bool = False
    """Whether the trainer forgets to return its last model."""
    kill_at: int | None = None
    """The step at which the process kills itself, the first time that seed 0 comes there."""


class Lines(nn.Module):
    """A slope and an offset for each member: every operation is elementwise, so companions change no bit."""

    seen: Tensor
    steps: Tensor

    def __init__(self, streams: list[torch.Generator]):
        super().__init__()
        self.slopes = nn.Parameter(torch.cat([torch.randn(1, generator=stream) for stream in streams]))
        self.offsets = nn.Parameter(torch.cat([torch.randn(1, generator=stream) for stream in streams]))
        self.register_buffer("seen", torch.zeros(len(streams)))
        self.register_buffer("steps", torch.tensor(0.0))


class Momentum:
    """Gradient descent with momentum; an optimiser of torch's imports its compiler."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.taken = torch.tensor(0)

    def step(self):
        self.taken += 1
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            velocity.mul_(0.5).add_(parameter.grad)
            parameter.data.sub_(0.01 * velocity)
            parameter.grad = None

    def state_dict(self):
        return {"velocities": self.velocities, "taken": self.taken}

    def load_state_dict(self, state):
        self.velocities, self.taken = state["velocities"], state["taken"]


SCENARIO = Scenario(StackedConfig, f"{__name__}:train", f"{__name__}:evaluate", together=True)


@hookimpl
def smoothkit_scenarios(register):
    register("stacked", f"{__name__}:SCENARIO")


def train(config, runs):
    model = Lines(runs.streams("weights"))
    optimizer = Momentum(model.parameters())
    runs.track(model=model, optimizer=optimizer)
    for run in runs:
        run.note(f"{config.steps} steps")
    for step in runs.steps(config.steps):
        inputs, labels = (
            torch.cat([torch.randn(1, generator=stream) for stream in runs.streams(name)])
            for name in ("inputs", "labels")
        )
        losses = (model.slopes * inputs + model.offsets - labels).square()
        if step == config.nan_at:
            losses = torch.stack([math.nan * loss if is_bad(config, run) else loss for run, loss in zip(runs, losses)])  # noqa: B905
        losses.sum().backward()
        runs.first.sync_grads(model.parameters())
        optimizer.step()
        model.seen += inputs.abs()
        model.steps += 1
        runs.log(step, loss=losses, slope=model.slopes)
        if step % 10 == 0:
            for run, slope in zip(runs, model.slopes, strict=True):
                run.record(step, "test", {"slope": slope.item()})
        interfere(config, runs, step, model)
    slopes = model.slopes.detach()
    return list(slopes[: len(runs) - config.short])


def is_bad(config, run):
    return run.seed == config.bad_seed


def interfere(config, runs, step, model):
    if step == config.fail_at:
        raise RuntimeError("as told")
    if step == config.explode_at:
        with torch.no_grad():
            model.offsets.masked_fill_(torch.tensor([is_bad(config, run) for run in runs]), math.inf)
    marker = Path(runs.first.directory, "killed")
    if step == config.kill_at and runs.first.seed == 0 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def evaluate(config, run, slope):
    if config.bad_evaluation and is_bad(config, run):
        raise RuntimeError("the evaluation fails as told")
    drawn = torch.rand((), generator=run.stream("evaluation"))
    return Result({"slope": slope.item(), "drawn": drawn.item(), "global": torch.rand(()).item()}, {"slope": "lower"})
