"""What tests of trainers of several members share: runs that nobody follows, a stop in the middle, and the end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

from smoothkit.checkpoint import load_checkpoint
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.plugins import PluginHost
from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit.scenario import RunInfo
from smoothkit.scenario_file import load_scenario
from smoothkit.stopping import Stopped, StopRequest
from tests.conftest import isolated_host


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


class StopAfter(StopRequest):
    """Asks for a stop once the run has come to a step."""

    def __init__(self, step: int):
        super().__init__()
        self.step, self.run = step, None

    def is_set(self) -> bool:
        """Whether it has."""
        return self.run is not None and self.run.step >= self.step


@dataclass(frozen=True, eq=False)
class Training:
    """What training came to, of every member."""

    config: Any
    runs: Runs
    trained: list[Any]
    watcher: Silent

    def weights(self, member: int = 0) -> torch.Tensor:
        """Those of a member's networks."""
        modules = self.networks(self.trained[member])
        return torch.cat([weight.flatten() for module in modules for weight in module.parameters()])

    def networks(self, trained: Any) -> tuple[torch.nn.Module, ...]:
        """What of a trained member are its networks."""
        raise NotImplementedError

    def saved(self, member: int = 0) -> dict[str, Any]:
        """What the last checkpoint of a member holds."""
        return load_checkpoint(self.runs[member].directory)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread, whose sums are always in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def host_fixture(**points: str) -> Any:
    """The fixture `bundled`: one host for a whole session, with these plugins, for all that asks for one."""

    @pytest.fixture(scope="session")
    def bundled():
        """A host that sees the core and the plugin alone."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            return isolated_host({"core": "smoothkit.builtin", **points}, monkeypatch)

    return bundled


@cache
def only_config(host: PluginHost, text: str, overrides: tuple[str, ...]) -> Any:
    """The configuration that a scenario file of one variant and these overrides come to; nothing changes it later."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "tiny.toml")
        file.write_text(text, encoding="utf-8")
        (variant,) = load_scenario(file, host, overrides).variants
    return variant.config


def runs_fixture(scenario: str) -> Any:
    """The fixture `make_runs` of a scenario, to be given that name in a conftest."""

    @pytest.fixture
    def make_runs(tmp_path):
        """Runs of this configuration with these seeds, fresh or from their checkpoints."""

        def make_runs(config, seeds=(0,), *, directory=tmp_path, resumed=False, watcher=None, stop=None, group=None):
            found = []
            for seed in seeds:
                folder = directory / f"seed-{seed}"
                folder.mkdir(parents=True, exist_ok=True)
                info = RunInfo(scenario, "any", seed, folder, dump(config))
                saved = load_checkpoint(folder) if resumed else None
                found.append(Run(info, config.run, group or Group(), saved, watcher or Silent(), stop or StopRequest()))
            return Runs(found, [config] * len(found))

        return make_runs

    return make_runs


def training_fixture(module: str, kind: type[Training]) -> Any:
    """A fixture that trains by the `train` of a module, to be given a name in a conftest with `configure` and
    `make_runs`."""

    @pytest.fixture
    def carry_out(configure, make_runs, tmp_path):
        """Train with these overrides of a small training, on one thread; after `stop_after` in a second go."""
        train = import_module(module).train

        def carry_out(*overrides, seeds=(0,), stop_after=None, directory=tmp_path, group=None):
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
            return kind(config, runs, train(config, runs), watcher)

        with one_thread():
            yield carry_out

    return carry_out


def shared_fixture(name: str) -> Any:
    """A fixture that gives what the fixture `name` trained for another test, where one asked for the same.

    It is for tests that only read what a training came to, and that have patched nothing which training depends on.
    """
    trained: dict[Any, Training] = {}

    @pytest.fixture
    def shared(request, tmp_path_factory):
        """Train with these overrides, once for all tests."""
        carry_out = request.getfixturevalue(name)

        def shared(*overrides, seeds=(0,), stop_after=None):
            key = (overrides, seeds, stop_after)
            if key not in trained:
                folder = tmp_path_factory.mktemp(name)
                trained[key] = carry_out(*overrides, seeds=seeds, stop_after=stop_after, directory=folder)
            return trained[key]

        return shared

    return shared
