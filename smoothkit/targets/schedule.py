"""Options that change during training: a few shapes over time, and the target that follows them."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import signature
from math import cos, isfinite, pi
from typing import Literal, get_args, get_type_hints

from smoothkit.targets.base import Target
from smoothkit.targets.wrapper import Wrapper


@dataclass(frozen=True)
class Linear:
    """A straight line from ``start`` to ``end`` over the whole training.

    >>> Linear(0.0, 0.2).value(progress=0.25, epochs_done=0)
    0.05
    """

    start: float
    end: float
    shape: Literal["linear"] = field(default="linear", kw_only=True)

    def __post_init__(self):
        _check_finite(start=self.start, end=self.end)

    def value(self, progress: float, epochs_done: int) -> float:
        """The option's value after this part of the training."""
        return self.start + (self.end - self.start) * progress

    def extremes(self) -> tuple[float, ...]:
        """The values between which all others lie."""
        return self.start, self.end


@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from ``start`` to ``end``: flat at both ends, steepest in the middle.

    >>> [round(Cosine(1.0, 0.0).value(progress, 0), 4) for progress in (0.0, 0.25, 0.5, 1.0)]
    [1.0, 0.8536, 0.5, 0.0]
    """

    start: float
    end: float
    shape: Literal["cosine"] = field(default="cosine", kw_only=True)

    def __post_init__(self):
        _check_finite(start=self.start, end=self.end)

    def value(self, progress: float, epochs_done: int) -> float:
        """The option's value after this part of the training."""
        weight = (1 + cos(pi * progress)) / 2
        return weight * self.start + (1 - weight) * self.end

    def extremes(self) -> tuple[float, ...]:
        """The values between which all others lie."""
        return self.start, self.end


@dataclass(frozen=True)
class Step:
    """One value after another: the next begins at each of the fractions ``at`` of the training.

    >>> [Step((0.0, 0.1, 0.2), at=(0.5, 0.75)).value(progress, 0) for progress in (0.0, 0.5, 0.7, 0.75, 1.0)]
    [0.0, 0.1, 0.1, 0.2, 0.2]
    """

    values: tuple[float, ...]
    at: tuple[float, ...]
    shape: Literal["step"] = field(default="step", kw_only=True)

    def __post_init__(self):
        _check_values(self.values)
        if len(self.at) != len(self.values) - 1:
            raise ValueError(
                f"at has {len(self.at)} entries for {len(self.values)} values; expected {len(self.values) - 1}, "
                "the fraction of the training where each value after the first begins"
            )
        if not all(0 < one < 1 for one in self.at) or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at is {self.at}; expected rising fractions of the training between 0 and 1")

    def value(self, progress: float, epochs_done: int) -> float:
        """The option's value after this part of the training."""
        return self.values[sum(progress >= begin for begin in self.at)]

    def extremes(self) -> tuple[float, ...]:
        """All its values."""
        return self.values


@dataclass(frozen=True)
class Polyline:
    """Straight lines from value to value, each reached at its fraction ``at`` of the training; with ``log`` straight on
    a logarithmic scale.

    >>> [Polyline((1.0, 0.5, 0.0), at=(0.0, 0.2, 1.0)).value(progress, 0) for progress in (0.0, 0.1, 0.6, 1.0)]
    [1.0, 0.75, 0.25, 0.0]
    >>> round(Polyline((1.0, 0.01), at=(0.0, 1.0), log=True).value(0.5, 0), 6)
    0.1
    """

    values: tuple[float, ...]
    at: tuple[float, ...]
    log: bool = False
    shape: Literal["polyline"] = field(default="polyline", kw_only=True)

    def __post_init__(self):
        _check_values(self.values)
        if len(self.at) != len(self.values):
            raise ValueError(f"at has {len(self.at)} entries for {len(self.values)} values; expected one for each")
        if (self.at[0], self.at[-1]) != (0, 1) or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at is {self.at}; expected rising fractions of the training from 0 to 1")
        if self.log and min(self.values) <= 0:
            raise ValueError(f"values are {self.values}; expected values above 0 on a logarithmic scale")

    def value(self, progress: float, epochs_done: int) -> float:
        """The option's value after this part of the training."""
        place = min(bisect_right(self.at, progress), len(self.at) - 1)
        (start, end), (low, high) = self.at[place - 1 : place + 1], self.values[place - 1 : place + 1]
        weight = (progress - start) / (end - start)
        return low * (high / low) ** weight if self.log else low + (high - low) * weight

    def extremes(self) -> tuple[float, ...]:
        """All its values."""
        return self.values


@dataclass(frozen=True)
class Alternate:
    """The values in turn, each for ``every`` epochs.

    Hard and soft labels in turn, as in ATLaS (arXiv 2508.17846), are ``Alternate((0.0, 0.1), every=1)`` for alpha.

    >>> [Alternate((0.0, 0.1), every=2).value(0.0, epochs_done) for epochs_done in range(6)]
    [0.0, 0.0, 0.1, 0.1, 0.0, 0.0]
    """

    values: tuple[float, ...]
    every: int = 1
    shape: Literal["alternate"] = field(default="alternate", kw_only=True)

    def __post_init__(self):
        _check_values(self.values)
        if self.every < 1:
            raise ValueError(f"every is {self.every}; expected a number of epochs, 1 or more")

    def value(self, progress: float, epochs_done: int) -> float:
        """The option's value after so many epochs."""
        return self.values[epochs_done // self.every % len(self.values)]

    def extremes(self) -> tuple[float, ...]:
        """All its values."""
        return self.values


AnyShape = Linear | Cosine | Step | Polyline | Alternate
"""How an option changes; in a scenario file a table such as ``{ shape = "linear", start = 0.0, end = 0.1 }``."""


class Scheduled(Wrapper):
    """A target whose numeric options change during training.

    ``Scheduled(LabelSmoothing(10), alpha=Linear(0.0, 0.1))`` is label smoothing that sets in slowly. Everything else is
    the inner target's, its fast paths included. Give each option by its name in the inner target's constructor.

    Call set_progress(fraction of the training done) before each step and end_epoch() after each epoch. Every value that
    a schedule can take must be allowed by the inner target. A target that keeps a class matrix builds it anew
    whenever an option changes. An option that is read once, such as the learning rate of a target's own parameters,
    is refused. In a compiled target each new value is a new graph: compile the model only.

    >>> target = Scheduled(Target(3), alpha=Linear(0.0, 0.1))
    Traceback (most recent call last):
    ValueError: alpha is no number among the options of Target; it has none
    """

    def __init__(self, target: Target, /, **schedules: AnyShape):
        super().__init__(target)
        if not schedules:
            raise ValueError("Scheduled was given no schedule; name the option that changes, alpha=Linear(0.0, 0.1)")
        self.schedules: Mapping[str, AnyShape] = schedules
        self.epochs_done = 0
        known = numeric_options(target)
        for name in schedules:
            if name in target.read_once:
                raise ValueError(f"{name} of {type(target).__name__} is read once, at the start: nothing can change it")
            if name not in known:
                close = get_close_matches(name, known) or known
                mend = f"expected {' or '.join(close)}" if close else "it has none"
                raise ValueError(f"{name} is no number among the options of {type(target).__name__}; {mend}")
        self._try_extremes()
        self._follow()

    def set_progress(self, progress: float) -> None:
        """Set the options to their values at this point of the training."""
        super().set_progress(progress)
        self._follow()

    def end_epoch(self) -> None:
        """Close the epoch of the target inside under its old options, then count it."""
        super().end_epoch()
        self.epochs_done += 1
        self._follow()

    def get_extra_state(self) -> dict[str, int | float]:
        """What a checkpoint keeps beside tensors: where the training stands."""
        return {"epochs_done": self.epochs_done, "progress": self.progress}

    def set_extra_state(self, state: dict[str, int | float]) -> None:
        """The inverse; the options follow at once."""
        self.epochs_done = int(state["epochs_done"])
        self.set_progress(state["progress"])

    def extra_repr(self) -> str:
        """Each option with its value now and its schedule."""
        return ", ".join(f"{name}={getattr(self.target, name):g} of {self.schedules[name]}" for name in self.schedules)

    def _follow(self) -> None:
        self._set({name: one.value(self.progress, self.epochs_done) for name, one in self.schedules.items()})

    def _set(self, values: Mapping[str, float]) -> None:
        changed = {name: value for name, value in values.items() if getattr(self.target, name) != value}
        for name, value in changed.items():
            setattr(self.target, name, value)
        if changed:
            self.target.check_options()

    def _try_extremes(self) -> None:
        """ValueError, with the target left as it was, unless it takes the bounds of each schedule."""
        for name, schedule in self.schedules.items():
            given = getattr(self.target, name)
            for value in schedule.extremes():
                try:
                    self._set({name: value})
                except ValueError as error:
                    self._set({name: given})
                    raise ValueError(f"the schedule {schedule} does not suit {name}: {error}") from error
            self._set({name: given})


def numeric_options(target: Target) -> list[str]:
    """The options of a target that a schedule may set: numbers, kept as attributes, that are no counts.

    >>> from smoothkit.targets import LabelSmoothing
    >>> numeric_options(LabelSmoothing(3))
    ['alpha']
    """
    hints = get_type_hints(type(target).__init__)
    return [
        name
        for name in signature(type(target)).parameters
        if name not in target.read_once
        and float in (hints.get(name), *get_args(hints.get(name)))
        and isinstance(getattr(target, name, None), int | float)
    ]


def _check_values(values: tuple[float, ...]) -> None:
    if len(values) < 2:
        raise ValueError(f"values is {values}; expected two or more numbers")
    _check_finite(**{f"values[{place}]": value for place, value in enumerate(values)})


def _check_finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isfinite(number):
            raise ValueError(f"{name} is {number}; expected a finite number")
