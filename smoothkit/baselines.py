"""Which variant each variant of a study is compared with."""

from collections.abc import Mapping

Levels = Mapping[str, Mapping[str, str]]
"""By variant, its level on each axis of the grid; empty tables where there is no grid."""


def baselines_of(levels: Levels, against: str | None, baseline: str | None) -> dict[str, str | None]:
    """The variant that each variant is compared with; None for those that are compared with nothing.

    Without `against` that is `baseline`, if there is such a variant. With it, it is the variant that has the level
    `baseline` on the axis `against` and the same levels on all other axes, if there is one.

    >>> levels = {"hard, 10": {"target": "hard", "n": "10"}, "LS, 10": {"target": "LS", "n": "10"}}
    >>> baselines_of(levels, "target", "hard")
    {'hard, 10': None, 'LS, 10': 'hard, 10'}
    """
    if against is None:
        return {name: baseline if baseline in levels and name != baseline else None for name in levels}
    places = {frozenset(own.items()): name for name, own in levels.items()}
    found = {name: places.get(frozenset({**own, against: baseline}.items())) for name, own in levels.items()}
    return {name: None if other == name else other for name, other in found.items()}


def uncompared(levels: Levels, against: str | None, baseline: str | None) -> list[str]:
    """The variants that have another level than `baseline` on the axis `against`, but no variant to compare with."""
    if against is None:
        return []
    found = baselines_of(levels, against, baseline)
    return [name for name, own in levels.items() if own.get(against) != baseline and found[name] is None]
