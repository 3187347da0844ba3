"""One run: what a trainer asks of its surroundings. Streams, steps, records, checkpoints; no numerics."""

import ctypes
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from smoothkit import plugins
from smoothkit.checkpoint import save_checkpoint
from smoothkit.distributed import Group
from smoothkit.errors import OutputError, TrainingError
from smoothkit.files import finite
from smoothkit.scenario import RunInfo, RunSettings, TargetConfig
from smoothkit.seeding import derived_generator

if TYPE_CHECKING:
    from smoothkit.targets import Target

METRICS = "metrics.jsonl"


@runtime_checkable
class Stateful(Protocol):
    """Anything that a checkpoint can hold: modules, optimisers, schedulers, scalers."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """The inverse."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """Whoever follows a run from outside: the console and the observer plugins, main process only."""

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """A few times a second: how far the run is, and the values last recorded."""
        ...

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Values were recorded, by tag."""
        ...


class StopRequest:
    """Asked to stop, a run ends after its current step, with a checkpoint. Ctrl-C sets it, in all workers at once."""

    def __init__(self) -> None:
        # Shared memory, so that one request reaches every worker process; reading it costs a trainer nothing.
        self._flag = RawValue(ctypes.c_bool, False)

    def set(self) -> None:
        """Ask."""
        self._flag.value = True

    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._flag.value


class Stopped(Exception):
    """A run ended early, with a checkpoint; the argument says why ("interrupted" or "out of time")."""


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
        self._streams: dict[str, torch.Generator] = {}
        self._rows: list[tuple[int, dict[str, float]]] = []
        self._window: dict[str, list[tuple[int, Tensor | float]]] = {}
        self._saved = saved
        self._step = 0
        self._total = 0
        self._shown = 0.0

    # --- where and with what ------------------------------------------------------------------------------------------

    def stream(self, name: str) -> torch.Generator:
        """The random stream called `name`, on the CPU: seeded by the run's seed and the name, saved in checkpoints.

        All processes of a run hold the same streams, so what they draw together agrees.
        """
        if name not in self._streams:
            generator = derived_generator(self.seed, name)
            if self._saved is not None and name in self._saved["streams"]:
                generator.set_state(self._saved["streams"][name])
            self._streams[name] = generator
        return self._streams[name]

    def autocast(self) -> AbstractContextManager[Any]:
        """The arithmetic of the forward pass that `[run] precision` asks for."""
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.settings.precision))

    def grad_scaler(self) -> torch.amp.GradScaler:
        """A gradient scaler, active for float16 only, where gradients would underflow without it."""
        return torch.amp.GradScaler(self.device.type, enabled=self.settings.precision == "float16")

    def target(self, config: TargetConfig, num_classes: int) -> "Target":
        """The target of this run, on its device, wrapped by the plugins that the scenario file uses.

        Raises:
            UserError: the target refuses its options.
        """
        target = config.build(num_classes=num_classes).to(self.device)
        return plugins.host().wrap_target(target, self.info, self.info.config["use"])

    def sync_grads(self, parameters: Iterable[Tensor]) -> None:
        """Average the gradients over the processes of this run; to be called after `backward()`."""
        self.group.sync_grads(parameters)

    # --- the loop -----------------------------------------------------------------------------------------------------

    def track(self, **stateful: Stateful) -> None:
        """Name what belongs in a checkpoint. On a resumed run each thing is restored here and now."""
        for name, thing in stateful.items():
            self._tracked[name] = thing
            if self._saved is not None:
                thing.load_state_dict(self._saved["tracked"][name])

    def steps(self, total: int) -> Iterator[int]:
        """Yield the steps 1 … `total` that are still to do; what was tracked is saved between steps.

        Raises:
            TrainingError: a logged loss was not finite; the last good checkpoint is kept.
            Stopped: the run was interrupted or its time was used up; a checkpoint was written.
        """
        self._total = total
        if self._saved is not None:
            self._restore(self._saved)
        deadline = time.monotonic() + 60 * (self.settings.max_minutes or math.inf)
        for step in range(self._step + 1, total + 1):
            self._step = step
            yield step
            logging = self.is_logging(step)
            if logging:
                self._flush(step)
            # Several processes must agree before one of them stops, so they ask each other only at logging steps.
            if logging or self.group.size == 1:
                reason = "interrupted" if self._stop.is_set() else "out of time" if time.monotonic() > deadline else ""
                if self.group.any(bool(reason)) and step < total:
                    self.save()
                    raise Stopped(reason or "interrupted")
            if step % self.settings.checkpoint_every == 0 or step == total:
                self.save()
            self._show(step)

    def is_logging(self, step: int) -> bool:
        """Whether the values of `step` are written; a trainer may compute costly ones only then."""
        return step % self.settings.log_every == 0 or step == self._total

    def log(self, step: int, **values: Tensor | float) -> None:
        """Note training values, each under the tag `train/<name>`; their mean since the last record is what is kept.

        Costs no device synchronisation unless `step` is a logging step. A `loss` that is not finite stops the run.
        """
        for name, value in values.items():
            self._window.setdefault(name, []).append((step, value.detach() if isinstance(value, Tensor) else value))

    def record(self, step: int, prefix: str, values: Mapping[str, float]) -> None:
        """Keep values of this very step, each under the tag `<prefix>/<name>`; for evaluations."""
        self._keep(step, {f"{prefix}/{name}": float(value) for name, value in values.items()})

    def history(self, tag: str) -> list[tuple[int, float]]:
        """All that was recorded under `tag`, as (step, value), across resumptions."""
        return [(step, values[tag]) for step, values in self._rows if tag in values]

    def save(self) -> None:
        """Write a checkpoint of everything tracked, now.

        Raises:
            TrainingError: loss or weights are not finite, or the disk is full; the previous checkpoint is kept.
        """
        self._settle()
        self._check_weights()
        if self.group.is_main:
            state = {
                "step": self._step,
                "processes": self.group.size,
                "tracked": {name: thing.state_dict() for name, thing in self._tracked.items()},
                "streams": {name: generator.get_state() for name, generator in self._streams.items()},
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
                "rows": self._rows,
                "window": self._window,
            }
            save_checkpoint(self.directory, state)
        self.group.barrier()

    # --- the inside ---------------------------------------------------------------------------------------------------

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["processes"] != self.group.size:
            # The number of processes decides which samples make up a step, so another one would be another run.
            raise OutputError(
                f"{self.directory}: was trained by {state['processes']} processes, not {self.group.size}; resume with "
                f"--nproc {state['processes']}"
            )
        self._step = state["step"]
        self._rows = [(step, dict(values)) for step, values in state["rows"]]
        self._window = {name: list(noted) for name, noted in state["window"].items()}
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.device)
        if self.group.is_main:
            # What was written after the checkpoint will be written again.
            with self._metrics("w") as stream:
                stream.writelines(_line(step, values) for step, values in self._rows)

    def _settle(self) -> None:
        """Bring the noted values to the host, in one transfer per name, and check the loss."""
        for name, noted in self._window.items():
            tensors = [value.reshape(()).float() for _, value in noted if isinstance(value, Tensor)]
            host = iter(torch.stack(tensors).tolist() if tensors else ())
            self._window[name] = [(step, next(host) if isinstance(value, Tensor) else value) for step, value in noted]
        self._check_finite(self._window.get("loss", []))

    def _flush(self, step: int) -> None:
        """Record the means of what was noted since the last record."""
        self._settle()
        if self._window:
            window, self._window = self._window, {}
            means = self.group.mean([_mean(noted) for noted in window.values()])
            self._keep(step, {f"train/{name}": mean for name, mean in zip(window, means, strict=True)})

    def _check_finite(self, noted: Iterable[tuple[int, Any]]) -> None:
        bad = next((step for step, value in noted if not math.isfinite(value)), None)
        if self.group.any(bad is not None):
            raise self._diverged(f"the loss is not finite at {'another process' if bad is None else f'step {bad}'}")

    def _check_weights(self) -> None:
        # A finite loss may have an infinite gradient; the weights would then be lost with the next checkpoint.
        modules = [thing for thing in self._tracked.values() if isinstance(thing, torch.nn.Module)]
        bad = any(not bool(parameter.isfinite().all()) for module in modules for parameter in module.parameters())
        if self.group.any(bad):
            raise self._diverged(f"the weights are not finite after step {self._step}")

    def _diverged(self, what: str) -> TrainingError:
        return TrainingError(
            f"{self.info.variant}, seed {self.seed}: {what}; the last good checkpoint is kept in "
            f"{self.directory / 'checkpoint'}: lower the learning rate, clip gradients or check the data"
        )

    def _keep(self, step: int, values: dict[str, float]) -> None:
        self._rows.append((step, values))
        if self.group.is_main:
            with self._metrics("a") as stream:
                stream.write(_line(step, values))
            self._watcher.logged(step, values)

    @contextmanager
    def _metrics(self, mode: str) -> Iterator[IO[str]]:
        path = self.directory / METRICS
        try:
            with open(path, mode, encoding="utf-8") as stream:
                yield stream
        except OSError as error:
            raise TrainingError(f"{path}: cannot be written: {error}; make room, then `smoothkit resume`") from error

    def _show(self, step: int) -> None:
        """Tell the watcher how far the run is, a few times a second at most."""
        if self.group.is_main and ((now := time.monotonic()) - self._shown > 0.2 or step == self._total):
            self._shown = now
            self._watcher.progress(step, self._total, self._rows[-1][1] if self._rows else {})


def _mean(noted: list[tuple[int, Any]]) -> float:
    return sum(value for _, value in noted) / len(noted)


def _line(step: int, values: dict[str, float]) -> str:
    return json.dumps({"step": step, **finite(values)}) + "\n"
