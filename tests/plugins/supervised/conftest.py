"""A supervised run in a fraction of a second, without the command line around it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch

from smoothkit import plugins
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.run import Run
from smoothkit.scenario import Result, RunInfo
from smoothkit.scenario_file import load_scenario
from smoothkit.stopping import StopRequest

SMALL = [
    *("run.device=cpu", "run.threads=1", "run.log_every=5", "data.train_limit=320"),
    *("train.epochs=2", "train.batch_size=32", "train.lr=0.05", "model.hidden=[16]"),
]


class Silent:
    """A watcher that looks away."""

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""


class Finished(NamedTuple):
    """What a run came to."""

    config: Any
    run: Run
    trained: Any
    result: Result

    @property
    def weights(self) -> torch.Tensor:
        """Those of what is evaluated."""
        return torch.cat([parameter.detach().flatten() for parameter in self.trained.model.parameters()])


@pytest.fixture
def configure(bundled, write, monkeypatch):
    """The supervised configuration that these overrides come to."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        (variant,) = load_scenario(write('scenario = "supervised"\n'), bundled, [*SMALL, *overrides]).variants
        return variant.config

    return configure


@pytest.fixture
def carry_out(configure, tmp_path):
    """Train and evaluate with these overrides of a small run, on one thread."""
    from smoothkit_supervised.evaluate import evaluate
    from smoothkit_supervised.train import train

    def carry_out(*overrides, seed=0):
        config = configure(*overrides)
        info = RunInfo("supervised", "any", seed, tmp_path, dump(config))
        torch.manual_seed(seed)
        run = Run(info, config.run, Group(), None, Silent(), StopRequest())
        trained = train(config, run)
        return Finished(config, run, trained, evaluate(config, run, trained))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield carry_out
    torch.set_num_threads(threads)
