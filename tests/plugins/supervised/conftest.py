"""A supervised run in a fraction of a second, without the command line around it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from smoothkit import plugins
from smoothkit.checkpoint import load_checkpoint
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.scenario import Result, RunInfo
from smoothkit.scenario_file import load_scenario
from smoothkit.stopping import Stopped, StopRequest

PROBES = Path(__file__).parent / "probes.py"
"""A one-file plugin: targets that note what they are told."""

SMALL = [
    *("run.device=cpu", "run.threads=1", "run.log_every=5", "data.train_limit=320"),
    *("train.epochs=2", "train.batch_size=32", "train.lr=0.05", "model.hidden=[16]"),
    # All measures and their intervals take as long as the training; test_evaluate.py has them.
    *('evaluate.metrics=["accuracy", "nll"]', "evaluate.after_temperature=[]"),
]


class Silent:
    """A watcher that looks away, and may ask for a stop once a run has come to a step."""

    def __init__(self, stop: StopRequest | None = None, after: int = 0):
        self.stop, self.after = stop, after

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, text: str) -> None:
        """Nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """The stop, if one is due."""
        if self.stop is not None and step >= self.after:
            self.stop.set()

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
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
    bundled.add_file(PROBES)
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        (variant,) = load_scenario(write('scenario = "supervised"\n'), bundled, [*SMALL, *overrides]).variants
        return variant.config

    return configure


@pytest.fixture
def carry_out(configure, tmp_path):
    """Train and evaluate with these overrides of a small run, on one thread; after `stop_after` in a second go."""
    from smoothkit_supervised.evaluate import evaluate
    from smoothkit_supervised.train import train

    def carry_out(*overrides, seed=0, stop_after=None, directory=tmp_path):
        config = configure(*overrides)
        directory.mkdir(exist_ok=True)
        info = RunInfo("supervised", "any", seed, directory, dump(config))
        if stop_after is not None:
            stop = StopRequest()
            torch.manual_seed(seed)
            with pytest.raises(Stopped):
                train(config, Run(info, config.run, Group(), None, Silent(stop, stop_after), stop))
            assert load_checkpoint(directory)["step"] < config.train.epochs * 10
        torch.manual_seed(seed if stop_after is None else 99)
        saved = None if stop_after is None else load_checkpoint(directory)
        run = Run(info, config.run, Group(), saved, Silent(), StopRequest())
        trained = train(config, run)
        return Finished(config, run, trained, evaluate(config, run, trained))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield carry_out
    torch.set_num_threads(threads)
