"""Self-training of a fraction of a second, without the command line around it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch

from smoothkit import plugins
from smoothkit.checkpoint import load_checkpoint
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit.scenario import RunInfo
from smoothkit.scenario_file import load_scenario
from smoothkit.stopping import Stopped, StopRequest

SMALL = [
    *("run.device=cpu", "run.threads=1", "run.log_every=5", "run.checkpoint_every=1000", "model.hidden=[12]"),
    *("data.unlabelled=150", "train.supervised_steps=6", "train.rounds=2", "train.steps=7", "train.batch_size=32"),
    "train.lr=0.02",
]
"""Steps 1-6 are round 0, 7-13 round 1, 14-20 round 2."""

SELECT = ["select.rule=fixed", "select.threshold=0.2"]
"""The choice of pseudo-labels, where a test asks for no other."""


class StopAfter(StopRequest):
    """Asks for a stop once the run has come to a step."""

    def __init__(self, step: int):
        super().__init__()
        self.step, self.run = step, None

    def is_set(self) -> bool:
        """Whether it has."""
        return self.run is not None and self.run.step >= self.step


class Silent:
    """A watcher that keeps sentences and figures."""

    def __init__(self):
        self.notes: list[str] = []
        self.shown: list[tuple[int, dict[str, Figure]]] = []

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, text: str) -> None:
        """Kept."""
        self.notes.append(text)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Kept."""
        self.shown.append((step, dict(figures)))


class Schooling(NamedTuple):
    """What training came to, of every member."""

    config: Any
    runs: Runs
    trained: list[Any]
    watcher: Silent

    def weights(self, member: int = 0) -> torch.Tensor:
        """Those of a member's network as it is measured."""
        return torch.cat([weight.flatten() for weight in self.trained[member].model.parameters()])

    def saved(self, member: int = 0) -> dict[str, Any]:
        """What the last checkpoint of a member holds."""
        return load_checkpoint(self.runs[member].directory)


@pytest.fixture
def bundled(make_host):
    """A host with the core and self-training, for all that asks for one."""
    return make_host({"core": "smoothkit.builtin", "selftrain": "smoothkit_selftrain"})


@pytest.fixture
def configure(bundled, write, monkeypatch):
    """The configuration that these overrides of a small training come to."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        select = [] if any(each.startswith(("select=", "select.rule")) for each in overrides) else SELECT
        # Another network may have no hidden layers to choose.
        other = any(each.startswith("model=") for each in overrides)
        small = [each for each in SMALL if not (other and each.startswith("model."))]
        (variant,) = load_scenario(write('scenario = "selftrain"\n'), bundled, [*small, *select, *overrides]).variants
        return variant.config

    return configure


@pytest.fixture
def make_runs(tmp_path):
    """Runs of this configuration with these seeds, fresh or from their checkpoints."""

    def make_runs(config, seeds=(0,), *, directory=tmp_path, resumed=False, watcher=None, stop=None, group=None):
        found = []
        for seed in seeds:
            folder = directory / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            info = RunInfo("selftrain", "any", seed, folder, dump(config))
            saved = load_checkpoint(folder) if resumed else None
            found.append(Run(info, config.run, group or Group(), saved, watcher or Silent(), stop or StopRequest()))
        return Runs(found)

    return make_runs


@pytest.fixture
def school(configure, make_runs, tmp_path):
    """Train with these overrides of a small training, on one thread; after `stop_after` in a second go."""
    from smoothkit_selftrain.train import train

    def school(*overrides, seeds=(0,), stop_after=None, directory=tmp_path, group=None):
        config = configure(*overrides)
        if stop_after is not None:
            stop = StopAfter(stop_after)
            runs = make_runs(config, seeds, directory=directory, stop=stop)
            stop.run = runs[0]
            with pytest.raises(Stopped):
                train(config, runs)
            torch.manual_seed(99)
        watcher = Silent()
        resumed = stop_after is not None
        runs = make_runs(config, seeds, directory=directory, resumed=resumed, watcher=watcher, group=group)
        return Schooling(config, runs, train(config, runs), watcher)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield school
    torch.set_num_threads(threads)


@pytest.fixture
def quick(school, monkeypatch):
    """Training whose only measurement is the accuracy on the held-out samples."""
    monkeypatch.setattr("smoothkit_selftrain.train.record_round", held_out_accuracy)
    return school


@torch.no_grad()
def held_out_accuracy(config, run, step, round, trained):
    """The share of held-out samples that the model has right; NaN without any."""
    part = trained.parts.held_out
    if not len(part):
        return float("nan")
    from smoothkit.prediction import predict

    logits, labels = predict(run, trained.model, trained.parts.data, part)
    return (logits.argmax(1) == labels).float().mean().item()
