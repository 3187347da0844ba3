"""Each method against the entropy bonus: whose window is wider, and whose peak is higher."""

from collections.abc import Mapping
from dataclasses import dataclass

from smoothkit.statistics import Interval
from smoothkit_policy.study.peaks import Contest, Gain, rival_of
from smoothkit_policy.study.picks import Pick
from smoothkit_policy.study.windows import Window, difference_in_length, seeds_agree, window_of

Gains = Mapping[tuple[str, str], Gain]
"""By environment and method."""

OPEN = "open at the end of the grid: nothing is said of widths"


@dataclass(frozen=True)
class Duel:
    """A method and its rival in one environment."""

    contest: Contest
    own: Pick
    rival: Pick
    window: Window
    rival_window: Window
    difference: Interval | None
    """How many more neighbouring coefficients of the same grid work; None where grids differ, or of a single seed."""
    seeds_agree: bool
    """Whether each seed by itself shows this difference, so that resampling them says nothing more."""
    gain: Gain | None
    """Of the peak; None of too few seeds."""

    @property
    def is_open(self) -> bool:
        """Whether the window that comes out narrower reaches an end of the grid: beyond it, it may be the wider one."""
        narrower = {1: self.rival_window, -1: self.window}.get(self._length_sign)
        return narrower is not None and narrower.is_open

    @property
    def width_sign(self) -> int | None:
        """1 where the window is shown to be wider, -1 narrower, 0 where neither is; None if not compared, or open."""
        return None if self.difference is None or self.is_open else self._length_sign

    @property
    def _length_sign(self) -> int:
        """The same on the grid, as if nothing lay beyond it."""
        if self.difference is None:
            return 0
        return 1 if self.difference.low > 0 else -1 if self.difference.high < 0 else 0

    @property
    def peak_sign(self) -> int | None:
        """The same of the peak."""
        return None if self.gain is None else self.gain.sign


def duels_of(contest: Contest, peaks: Gains) -> list[Duel]:
    """One for each sweep that has a rival, in the order of the file."""
    return [_duel(contest, own, peaks) for own in contest.picks.values() if rival_of(contest.group, own.method)]


def _duel(contest: Contest, own: Pick, peaks: Gains) -> Duel:
    group, method, rival = contest.group, own.method, rival_of(contest.group, own.method)
    assert rival is not None
    compares = tuple(method.variants) == tuple(rival.variants) and len(group.seeds) > 1
    return Duel(
        contest=contest,
        own=own,
        rival=contest.picks[rival.name],
        window=window_of(group, method),
        rival_window=window_of(group, rival),
        difference=difference_in_length(group, method, rival) if compares else None,
        seeds_agree=compares and seeds_agree(group, method, rival),
        gain=peaks.get((group.title, method.name)),
    )
