"""Each method against the entropy bonus: whose window is wider, and whose peak is higher."""

from collections.abc import Mapping
from dataclasses import dataclass

from smoothkit.statistics import Interval
from smoothkit_policy.study.peaks import Contest, Gain, rival_of
from smoothkit_policy.study.picks import Pick
from smoothkit_policy.study.windows import Window, difference_in_length, window_of

Gains = Mapping[tuple[str, str], Gain]
"""By environment and method."""


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
    gain: Gain | None
    """Of the peak; None of too few seeds."""

    @property
    def width_sign(self) -> int | None:
        """1 where the window is shown to be wider, -1 narrower, 0 where neither is; None if not compared."""
        if self.difference is None:
            return None
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
        gain=peaks.get((group.title, method.name)),
    )
