"""What the tests of several seeds in one model share: who follows them, their tasks, and what they have left."""

from smoothkit.checkpoint import load_checkpoint
from smoothkit.execution import Task
from smoothkit.scenario import RunSettings
from tests.core.stacked import SCENARIO, StackedConfig

RUN = {"device": "cpu", "threads": 1, "log_every": 4, "checkpoint_every": 10, "together": 3}
ENDS = ("result.json", "metrics.jsonl")


class Following:
    """A console and a plugin host at once, which remember."""

    def __init__(self):
        self.console: list[tuple[str, int]] = []
        self.notes: list[tuple[int, str]] = []
        self.observed: list[tuple[str, int, object]] = []

    def started(self, task, outcome=None):
        self.console.append(("started", task.seed))

    def progress(self, task, step, total, values): ...

    def noted(self, task, text):
        self.notes.append((task.seed, text))

    def finished(self, task, outcome):
        self.console.append((outcome.status, task.seed))

    def notify(self, hook, run, **what):
        said = what.get("outcome", what.get("step", run.resumed_from))
        self.observed.append((hook.removeprefix("smoothkit_").removeprefix("run_"), run.seed, said))

    def observed_of(self, seed, *hooks):
        return [(hook, said) for hook, each, said in self.observed if each == seed and hook in hooks]


def tasks_in(folder, seeds, run=None, variant="LS", **options):
    config = StackedConfig(scenario="stacked", run=RunSettings(**{**RUN, **(run or {})}), **options)
    return [Task(variant, seed, folder / f"seed-{seed}", SCENARIO, config) for seed in seeds]


def finished(outcomes):
    return {outcome.status for outcome in outcomes.values()} == {"finished"}


def ends(folder, seeds=(0, 1, 2)):
    """What runs have left: files to the byte, checkpoints to the bit."""
    return {
        seed: (
            *((folder / f"seed-{seed}" / name).read_bytes() for name in ENDS),
            checkpoint(folder, seed),
        )
        for seed in seeds
    }


def checkpoint(folder, seed):
    """What a run's checkpoint holds, but for the state of torch's own generator, which is none of the members'."""
    saved = load_checkpoint(folder / f"seed-{seed}")
    assert saved is not None
    return {name: value for name, value in saved.items() if name != "torch"}
