"""What tests of scenarios of claims share: a run that nobody follows, and a stop in the middle of it."""

import torch

from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest


class Silent:
    """A watcher that looks away."""

    def progress(self, step, total, values): ...

    def noted(self, text): ...

    def logged(self, step, values): ...

    def figures(self, step, figures): ...


class After(StopRequest):
    """A stop that comes after some steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def is_set(self):
        self.steps -= 1
        return self.steps < 0


def make_run(directory, settings, variant, seed=0, saved=None, stop=None):
    """A run of one variant with one seed, from its checkpoint if it has `saved` one."""
    info = RunInfo(settings.scenario, variant, seed, directory, dump(settings), saved["step"] if saved else 0)
    directory.mkdir(parents=True, exist_ok=True)
    return Run(info, settings.run, Group(device=torch.device("cpu")), saved, Silent(), stop or StopRequest())
