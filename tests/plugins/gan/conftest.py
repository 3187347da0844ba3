"""Games of a fraction of a second, without the command line around them."""

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
    *("run.device=cpu", "run.threads=1", "run.log_every=5", "data.name=ring", "data.train_samples=2000"),
    *("data.test_samples=200", "generator.hidden=[12,12]", "discriminator.hidden=[10]", "train.steps=20"),
    *("train.batch_size=32", "evaluate.samples=200", "evaluate.every=10"),
]


class Silent:
    """A watcher that keeps sentences and figures, and may ask for a stop once a run has come to a step."""

    def __init__(self, stop: StopRequest | None = None, after: int = 0):
        self.stop, self.after = stop, after
        self.notes: list[str] = []
        self.shown: list[tuple[int, dict[str, Figure]]] = []

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def noted(self, text: str) -> None:
        """Kept."""
        self.notes.append(text)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """The stop, if one is due."""
        if self.stop is not None and step >= self.after:
            self.stop.set()

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Kept."""
        self.shown.append((step, dict(figures)))


class Game(NamedTuple):
    """What training came to, of every member."""

    config: Any
    runs: Runs
    trained: list[Any]
    watcher: Silent

    def weights(self, member: int = 0) -> torch.Tensor:
        """Those of a member's two networks."""
        networks = (self.trained[member].generator, self.trained[member].discriminator)
        return torch.cat([weight.flatten() for network in networks for weight in network.parameters()])

    def saved(self, member: int = 0) -> dict[str, Any]:
        """What the last checkpoint of a member holds."""
        return load_checkpoint(self.runs[member].directory)


@pytest.fixture
def bundled(make_host):
    """A host with the core and the GAN scenarios, for all that asks for one."""
    return make_host({"core": "smoothkit.builtin", "gan": "smoothkit_gan"})


@pytest.fixture
def configure(bundled, write, monkeypatch):
    """The GAN configuration that these overrides of a small game come to."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)

    def configure(*overrides):
        (variant,) = load_scenario(write('scenario = "gan"\n'), bundled, [*SMALL, *overrides]).variants
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
            info = RunInfo("gan", "any", seed, folder, dump(config))
            saved = load_checkpoint(folder) if resumed else None
            found.append(Run(info, config.run, group or Group(), saved, watcher or Silent(), stop or StopRequest()))
        return Runs(found)

    return make_runs


@pytest.fixture
def play(configure, make_runs, tmp_path):
    """Train with these overrides of a small game, on one thread; after `stop_after` in a second go."""
    from smoothkit_gan.train import train

    def play(*overrides, seeds=(0,), stop_after=None, directory=tmp_path, group=None):
        config = configure(*overrides)
        if stop_after is not None:
            stop = StopRequest()
            runs = make_runs(config, seeds, directory=directory, watcher=Silent(stop, stop_after), stop=stop)
            with pytest.raises(Stopped):
                train(config, runs)
            torch.manual_seed(99)
        watcher = Silent()
        resumed = stop_after is not None
        runs = make_runs(config, seeds, directory=directory, resumed=resumed, watcher=watcher, group=group)
        return Game(config, runs, train(config, runs), watcher)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield play
    torch.set_num_threads(threads)


@pytest.fixture
def quick(play, monkeypatch):
    """Training without measurements in between."""
    monkeypatch.setattr("smoothkit_gan.train.record_progress", lambda *_: None)
    return play


@pytest.fixture
def generators():
    """Fresh generators for so many members."""

    def generators(members, first=0):
        return [torch.Generator().manual_seed(seed) for seed in range(first, first + members)]

    return generators
