"""One run: what a trainer asks of its surroundings. Streams, steps, records, checkpoints; no numerics."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from smoothkit import plugins
from smoothkit.checkpoint import FILE, Stateful, write_checkpoint
from smoothkit.distributed import Group
from smoothkit.errors import OutputError, TrainingError
from smoothkit.files import METRICS
from smoothkit.history import History
from smoothkit.lockstep import in_step, save_together
from smoothkit.members import Member
from smoothkit.report.figures import Figure
from smoothkit.scenario import RunInfo, RunSettings, TargetConfig
from smoothkit.stopping import StopRequest
from smoothkit.streams import Streams
from smoothkit.watcher import Watcher
from smoothkit.window import Window

if TYPE_CHECKING:
    from smoothkit.targets import Target


class Run:
    """What surrounds one variant with one seed.

    `info` says what is run, `device` and `autocast()` where and in what arithmetic, `seed` and `stream(name)` where
    randomness comes from, `steps` drives the loop, `log` and `record` keep values, `track` names what is saved.
    """

    def __init__(
        self,
        info: RunInfo,
        settings: RunSettings,
        group: Group,
        saved: Mapping[str, Any] | None,
        watcher: Watcher,
        stop: StopRequest,
    ):
        self.info = info
        self.seed = info.seed
        self.settings = settings
        self.group = group
        self.device = group.device
        self.directory: Path = info.directory
        self._watcher = watcher
        self._stop = stop
        self._tracked: dict[str, Stateful] = {}
        self._streams = Streams(info.seed)
        self._history = History(info.directory / METRICS if group.is_main else None)
        if saved is None:
            # What a run that was killed before its first checkpoint has left will be written again.
            self._history.restore(())
        self.window = Window()
        """What was logged since the last record."""
        self._saved = saved
        self.step = 0
        """The step that the run is at, which the loop sets; 0 before the first."""
        self._total = 0
        self._shown = 0.0

    # --- where and with what ------------------------------------------------------------------------------------------

    def stream(self, name: str) -> torch.Generator:
        """The random stream called `name`, on the CPU: seeded by the run's seed and the name, saved in checkpoints.

        All processes of a run hold the same streams, so what they draw together agrees. What is drawn before `steps`
        is drawn alike by a resumed run; at the first step each stream stands where the checkpoint left it.
        """
        return self._streams[name]

    def autocast(self) -> AbstractContextManager[Any]:
        """The arithmetic of the forward pass that `[run] precision` asks for."""
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.settings.precision))

    def grad_scaler(self) -> torch.amp.GradScaler:
        """A gradient scaler, active for float16 only, where gradients would underflow without it."""
        return torch.amp.GradScaler(self.device.type, enabled=self.settings.precision == "float16")

    def target(self, config: TargetConfig, num_classes: int, num_samples: int | None = None) -> "Target":
        """The target of this run, on its device: with its schedules, then wrapped by the plugins that the file uses.

        `num_samples` is the size of the training part, for a target that remembers samples.

        Raises:
            UserError: the target refuses its options or schedules, or needs a number of samples that is not given.
        """
        target = config.build(num_classes=num_classes, num_samples=num_samples)
        return plugins.host().wrap_target(target, self.info, self.info.config["use"]).to(self.device)

    def sync_grads(self, parameters: Iterable[Tensor]) -> None:
        """Average the gradients over the processes of this run; to be called after `backward()`.

        Exact where every process's loss is the mean over equally many rows. Where rows are ignored or weighted, take
        the sum instead of the mean, and divide by the total over the processes (`group.mean`).
        """
        self.group.sync_grads(parameters)

    def sync_buffers(self, module: "torch.nn.Module | Member") -> None:
        """Average the floating buffers of `module` over the processes, such as batch norm's running statistics.

        Each process normalises by its own share of a batch, so these differ; an evaluation needs one network.
        Checkpoints do this by themselves.
        """
        self.group.average(buffer for buffer in module.buffers() if buffer.is_floating_point())

    # --- the loop -----------------------------------------------------------------------------------------------------

    def track(self, **stateful: Stateful) -> None:
        """Name what belongs in a checkpoint. On a resumed run each thing is restored here and now."""
        for name, thing in stateful.items():
            if (saved := self.add_tracked(name, thing)) is not None:
                thing.load_state_dict(saved)

    def add_tracked(self, name: str, thing: Stateful) -> dict[str, Any] | None:
        """Name what belongs in a checkpoint; on a resumed run return what the checkpoint holds of it, else None.

        Raises:
            OutputError: the checkpoint has nothing of that name.
        """
        self._tracked[name] = thing
        if self._saved is None:
            return None
        if name not in self._saved["tracked"]:
            raise OutputError(
                f"{self.directory}: the checkpoint has no {name!r}: another version of the scenario wrote it; "
                "delete the folder to start this run anew"
            )
        return self._saved["tracked"][name]

    def steps(self, total: int) -> Iterator[int]:
        """Yield the steps 1 … `total` that are still to do; what was tracked is saved between steps.

        A run has one loop: rounds and phases are ranges of its steps.

        Raises:
            TrainingError: a logged loss was not finite; the last good checkpoint is kept.
            Stopped: the run was interrupted or its time was used up; a checkpoint was written.
        """
        return in_step([self], total)

    def is_logging(self, step: int) -> bool:
        """Whether the values of `step` are written; a trainer may compute costly ones only then."""
        return step % self.settings.log_every == 0 or step == self._total

    def log(self, step: int, **values: Tensor | float) -> None:
        """Note training values, each under the tag `train/<name>`; their mean since the last record is what is kept.

        Costs no device synchronisation unless `step` is a logging step. A `loss`, or anything whose name ends in
        `_loss`, that is not finite stops the run.
        """
        # Copies: a parameter, say, will have moved by the time that it is fetched.
        kept = {name: each.detach().clone() if isinstance(each, Tensor) else each for name, each in values.items()}
        self.window.note(step, kept)

    def check_losses(self) -> None:
        """Look at the losses noted so far, as every logging step does; to be called before an evaluation.

        Raises:
            TrainingError: one was not finite.
        """
        self.window.fetch(self.group)
        if (bad := self.window.first_bad_loss()) is not None:
            name, step = bad
            raise self._diverged(f"the {name.replace('_', ' ')} is not finite at step {step}")

    def note(self, text: str) -> None:
        """Tell the user something about this run in a sentence, such as what an option came to, or a warning.

        Said once by each variant, however many seeds note it.
        """
        if self.group.is_main:
            self._watcher.noted(text)

    def record(self, step: int, prefix: str, values: Mapping[str, float]) -> None:
        """Keep values of this very step, each under the tag `<prefix>/<name>`, or `<name>` if there is none."""
        self._keep(step, {f"{prefix}/{name}".removeprefix("/"): float(value) for name, value in values.items()})

    def record_figures(self, step: int, prefix: str, figures: Mapping[str, Figure]) -> None:
        """Show figures of this very step to the observers, each under the tag `<prefix>/<name>`; none is kept here.

        TensorBoard's Targets tab plays them over the steps. What belongs in `result.json` goes into the `Result`.
        """
        if self.group.is_main:
            tagged = {f"{prefix}/{name}": figure for name, figure in figures.items()}
            self._watcher.figures(step, MappingProxyType(tagged))

    def history(self, tag: str) -> list[tuple[int, float]]:
        """All that was recorded under `tag`, as (step, value), across resumptions."""
        return self._history.of(tag)

    def save(self) -> None:
        """Write a checkpoint of everything tracked, now.

        Raises:
            TrainingError: loss or weights are not finite, or the disk is full; the previous checkpoint is kept.
        """
        save_together([self])

    # --- for `smoothkit.lockstep`, which is the loop ------------------------------------------------------------------

    def write_checkpoint(self, *, is_like_another: bool) -> None:
        """Write all that is tracked beside the last checkpoint, which stays until `keep_checkpoint` replaces it."""
        self.check_losses()
        self._check_weights()
        for module in self._modules():
            self.sync_buffers(module)
        if self.group.is_main:
            state = {
                "step": self.step,
                "processes": self.group.size,
                "tracked": {name: thing.state_dict() for name, thing in self._tracked.items()},
                "streams": self._streams.states(),
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
                "rows": self._history.rows,
                "window": self.window.noted,
            }
            write_checkpoint(self.directory, state, is_like_another=is_like_another)

    def begin(self, total: int) -> None:
        """Stand where the checkpoint was written, before `total` steps in all."""
        if self._total:
            raise RuntimeError("run.steps was called twice; a run has one loop, whose steps may be divided into phases")
        self._total = total
        if self._saved is not None:
            self._restore(self._saved)

    def why_stop(self, deadline: float) -> str:
        """Why to stop now: "interrupted", "out of time" at the `deadline`, or nothing."""
        if self._stop.is_set():
            return "interrupted"
        return "out of time" if time.monotonic() > deadline else ""

    def flush(self) -> None:
        """Record the means of what was noted since the last record."""
        self.check_losses()
        if self.window.noted:
            means = self.window.take_means(self.group)
            self._keep(self.step, {f"train/{name}": mean for name, mean in means.items()})

    def show(self) -> None:
        """Tell the watcher how far the run is, a few times a second at most."""
        due = time.monotonic() - self._shown > 0.2 or self.step == self._total
        if self.group.is_main and due:
            self._shown = time.monotonic()
            values = self._history.rows[-1][1] if self._history.rows else {}
            self._watcher.progress(self.step, self._total, values)

    # --- the inside ---------------------------------------------------------------------------------------------------

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["processes"] != self.group.size:
            # The number of processes decides which samples make up a step, so another one would be another run.
            raise OutputError(
                f"{self.directory}: was trained by {state['processes']} processes, not {self.group.size}; resume with "
                f"--nproc {state['processes']}"
            )
        self.step = state["step"]
        self._streams.restore(state["streams"])
        self._history.restore(state["rows"])
        self.window = Window(state["window"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.device)

    def _check_weights(self) -> None:
        # A finite loss may have an infinite gradient; the weights would then be lost with the next checkpoint.
        weights = (parameter for module in self._modules() for parameter in module.parameters())
        bad = any(not bool(parameter.isfinite().all()) for parameter in weights)
        if self.group.any(bad):
            raise self._diverged(f"the weights are not finite after step {self.step}")

    def _modules(self) -> "list[torch.nn.Module | Member]":
        return [thing for thing in self._tracked.values() if isinstance(thing, torch.nn.Module | Member)]

    def _diverged(self, what: str) -> TrainingError:
        path = self.directory / FILE
        kept = f"the last good checkpoint is kept, {path}" if path.exists() else "there is no checkpoint yet"
        return TrainingError(
            f"{self.info.variant}, seed {self.seed}: {what}; {kept}: lower the learning rate, clip gradients or check "
            "the data"
        )

    def _keep(self, step: int, values: dict[str, float]) -> None:
        self._history.add(step, values)
        if self.group.is_main:
            self._watcher.logged(step, MappingProxyType(values))
