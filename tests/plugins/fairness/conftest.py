"""A fairness run in a fraction of a second, without the command line around it."""

import importlib.util
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

GROUPED = Path(__file__).parent / "grouped.py"
"""A one-file plugin: the data set `grouped`, whose three groups differ in size and in label noise, and a probe."""

SMALL = [
    *("run.device=cpu", "run.threads=1", "run.log_every=5", "data=grouped", "data.train_limit=320"),
    *("train.epochs=2", "train.batch_size=32", "train.lr=0.05", "model.hidden=[8]", "evaluate.resamples=100"),
]
"""360 samples of 400 are left by the validation part, 320 of them are trained on: ten batches in an epoch."""


class Silent:
    """A watcher that keeps the figures, and may ask for a stop once a run has come to a step."""

    def __init__(self, stop: StopRequest | None = None, after: int = 0):
        self.stop, self.after = stop, after
        self.shown: list[tuple[int, dict[str, Figure]]] = []

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, text: str) -> None:
        """Nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """The stop, if one is due."""
        if self.stop is not None and step >= self.after:
            self.stop.set()

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Kept."""
        self.shown.append((step, dict(figures)))


class TrainedRun(NamedTuple):
    """What training came to."""

    config: Any
    run: Run
    trained: Any
    shown: list[tuple[int, dict[str, Figure]]]
    """The figures that training showed, with their steps."""

    @property
    def weights(self) -> torch.Tensor:
        """Those of the network."""
        return torch.cat([parameter.detach().flatten() for parameter in self.trained.model.parameters()])

    @property
    def saved(self) -> dict[str, Any]:
        """What the last checkpoint holds of each thing that was tracked."""
        return load_checkpoint(self.run.directory)["tracked"]


class Finished(NamedTuple):
    """What a run came to."""

    config: Any
    run: Run
    trained: Any
    result: Result


@pytest.fixture(scope="session")
def grouped():
    """The module of the one-file plugin."""
    spec = importlib.util.spec_from_file_location("grouped_for_tests", GROUPED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def grouped_data(grouped):
    """400 training and 400 test samples of three classes in three groups, and no validation part."""
    return grouped.grouped()


@pytest.fixture
def bundled(make_host):
    """A host with the core, the fairness scenarios and the data set `grouped`, for all that asks for one."""
    host = make_host({"core": "smoothkit.builtin", "fairness": "smoothkit_fairness"})
    host.add_file(GROUPED)
    return host


@pytest.fixture
def configure(bundled, write, monkeypatch):
    """The fairness configuration that these overrides of a small run come to."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        (variant,) = load_scenario(write('scenario = "fairness"\n'), bundled, [*SMALL, *overrides]).variants
        return variant.config

    return configure


@pytest.fixture
def make_run(tmp_path):
    """A run of this configuration, fresh or from a checkpoint."""

    def make_run(config, *, seed=0, directory=tmp_path, saved=None, watcher=None, stop=None, processes=None):
        directory.mkdir(exist_ok=True)
        info = RunInfo("fairness", "any", seed, directory, dump(config))
        return Run(info, config.run, processes or Group(), saved, watcher or Silent(), stop or StopRequest())

    return make_run


@pytest.fixture
def train_small(configure, make_run, tmp_path):
    """Train with these overrides of a small run, on one thread; after `stop_after` in a second go."""
    from smoothkit_fairness.train import train

    def train_small(*overrides, seed=0, stop_after=None, directory=tmp_path, processes=None):
        config, saved = configure(*overrides), None
        torch.manual_seed(seed)
        if stop_after is not None:
            stop = StopRequest()
            with pytest.raises(Stopped):
                train(
                    config,
                    make_run(config, seed=seed, directory=directory, watcher=Silent(stop, stop_after), stop=stop),
                )
            saved = load_checkpoint(directory)
            assert saved["step"] < config.train.epochs * 10
            torch.manual_seed(99)
        watcher = Silent()
        run = make_run(config, seed=seed, directory=directory, saved=saved, watcher=watcher, processes=processes)
        return TrainedRun(config, run, train(config, run), watcher.shown)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield train_small
    torch.set_num_threads(threads)


@pytest.fixture
def carry_out(train_small):
    """Train and evaluate with these overrides of a small run."""
    from smoothkit_fairness.evaluate import evaluate

    def carry_out(*overrides, **settings):
        config, run, trained, _ = train_small(*overrides, **settings)
        return Finished(config, run, trained, evaluate(config, run, trained))

    return carry_out
