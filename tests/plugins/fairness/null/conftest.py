"""A null experiment of a few trials, without the command line around it."""

import pytest
import torch

from smoothkit.checkpoint import load_checkpoint
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import Stopped, StopRequest
from smoothkit_fairness.null.config import ExperimentConfig, NullConfig
from smoothkit_fairness.null.rates import evaluate
from smoothkit_fairness.null.trials import train


class Stopping:
    """A watcher that asks for a stop once a run has come to a step, and otherwise looks away."""

    def __init__(self, stop, after):
        self.stop, self.after = stop, after

    def progress(self, step, total, values):
        """Nothing."""

    def noted(self, text):
        """Nothing."""

    def logged(self, step, values):
        """The stop, if one is due."""
        if step == self.after:
            self.stop.set()

    def figures(self, step, figures):
        """Nothing."""


def configured(**experiment):
    return NullConfig(scenario="fairness-null", experiment=ExperimentConfig(**experiment))


@pytest.fixture
def run(tmp_path):
    """A run that nothing has happened in."""
    config = configured()
    info = RunInfo("fairness-null", "any", 0, tmp_path, dump(config))
    return Run(info, config.run, Group(), None, Stopping(StopRequest(), 0), StopRequest())


@pytest.fixture
def try_out(tmp_path):
    """The result of a method in a few trials; interrupted after step `stop_after` and resumed, if that is given."""

    def try_out(seed=0, stop_after=None, **experiment):
        config = configured(**{"trials": 4, "resamples": 100, **experiment})
        settings = config.run.model_copy(update={"log_every": 1})
        directory = tmp_path / f"{config.experiment.method}-{seed}-{stop_after}"
        directory.mkdir()
        info = RunInfo("fairness-null", "any", seed, directory, dump(config))
        if stop_after is not None:
            stop = StopRequest()
            with pytest.raises(Stopped):
                train(config, Run(info, settings, Group(), None, Stopping(stop, stop_after), stop))
            assert load_checkpoint(directory)["step"] == stop_after
        saved = None if stop_after is None else load_checkpoint(directory)
        run = Run(info, settings, Group(), saved, Stopping(StopRequest(), 0), StopRequest())
        return evaluate(config, run, train(config, run))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield try_out
    torch.set_num_threads(threads)
