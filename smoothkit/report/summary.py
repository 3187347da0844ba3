"""What a study says: mean and spread of every variant, and its paired comparison with the baseline."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from smoothkit.scenario import Result
from smoothkit.statistics import (
    LEVEL,
    Interval,
    crossed_mean_interval,
    detectable_difference,
    deviation,
    holm,
    paired_bootstrap_interval,
    paired_interval,
    paired_p_value,
)

LARGEST = 1e150
"""Values beyond this count as infinite: their squares are more than a float holds."""

Results = Mapping[str, Mapping[int, Result]]
"""Results by variant, then by seed."""


def summarise(results: Results, baseline: str | Mapping[str, str | None] | None) -> dict[str, Any]:
    """The parts of `summary.json` that are computed from results: better, headline, variants and comparisons.

    Every other variant is compared with `baseline`, or, if that is a table, with the variant that it has for it: scalar
    by scalar, on the seeds that both have. Seeds share data split, initial weights and batch order across variants, so
    differencing by seed removes what they have in common. Without a baseline, or where it has no result, there are no
    comparisons. Values that are not finite are stored as None, take no part in a mean or a pair, and are counted in
    `left_out`.
    """
    if not isinstance(baseline, Mapping):
        baseline = {variant: baseline for variant in results if variant != baseline}
    everything = [result for by_seed in results.values() for result in by_seed.values()]
    names = _union(result.scalars for result in everything)
    better = {name: direction for result in everything for name, direction in result.better.items()}
    values = {variant: _by_scalar(by_seed) for variant, by_seed in results.items()}
    pairs = {variant: other for variant in results if (other := baseline.get(variant)) is not None}
    return {
        "better": better,
        "headline": _union(result.headline for result in everything) or names,
        "variants": {
            variant: {name: spread(by_seed) for name, by_seed in scalars.items()} for variant, scalars in values.items()
        },
        "comparisons": _corrected(
            {
                variant: {
                    name: {
                        **compare(by_seed, values[other][name]),
                        "ci95_rows": over_rows(name, results[variant], results[other]),
                        "better": better.get(name),
                        "baseline": other,
                    }
                    for name, by_seed in values[variant].items()
                    if name in values[other]
                }
                for variant, other in pairs.items()
                if values.get(other)
            }
        ),
    }


def spread(by_seed: Mapping[int, float]) -> dict[str, Any]:
    """Mean and sample standard deviation (n − 1 in the denominator) of one scalar over seeds.

    The mean is None where no value is finite, the deviation where fewer than two are.

    >>> spread({0: 1.0, 1: 2.0, 2: float("nan")})["mean"]
    1.5
    """
    finite = [value for value in by_seed.values() if math.isfinite(value)]
    return {
        "mean": statistics.fmean(finite) if finite else None,
        "std": statistics.stdev(finite) if len(finite) > 1 else None,
        "values": [value if math.isfinite(value) else None for value in by_seed.values()],
        "seeds": list(by_seed),
        "left_out": len(by_seed) - len(finite),
    }


def compare(by_seed: Mapping[int, float], baseline: Mapping[int, float]) -> dict[str, Any]:
    """Mean difference from the baseline over common seeds, and what it is worth.

    `ci95` is the paired t interval and `p` its two-sided p-value, None for fewer than two pairs; `ci95_bootstrap` is
    the interval of `smoothkit.statistics.paired_bootstrap_interval`, None for fewer than five pairs; `std` is the
    sample standard deviation of the differences. Where they have no spread to measure by, p is None. `p_holm` and
    `detectable` depend on the other comparisons too, and are None here.
    """
    common = [seed for seed in by_seed if seed in baseline]
    seeds = [seed for seed in common if math.isfinite(by_seed[seed]) and math.isfinite(baseline[seed])]
    differences = [by_seed[seed] - baseline[seed] for seed in seeds]
    some = len(differences) > 1
    # A generator of its own, so that a comparison does not depend on which others there are.
    resampled = paired_bootstrap_interval(differences, np.random.default_rng(0))
    return {
        "difference": statistics.fmean(differences) if differences else None,
        "std": deviation(differences) if some else None,
        "ci95": _bounds(paired_interval(differences)) if some else None,
        "ci95_bootstrap": _bounds(resampled) if resampled else None,
        "p": paired_p_value(differences) if some else None,
        "p_holm": None,
        "detectable": None,
        "seeds": seeds,
        "left_out": len(common) - len(seeds),
    }


def over_rows(name: str, results: Mapping[int, Result], baseline: Mapping[int, Result]) -> list[float] | None:
    """The 95 % interval of a difference for other seeds and other test rows, from the rows that both have in common.

    `smoothkit.statistics.crossed_mean_interval` of the differences row by row. None where a common seed has no rows for
    this scalar or one that is not finite, or where variants were tested on different numbers of rows.
    """
    common = [(results[seed].rows, baseline[seed].rows) for seed in results if seed in baseline]
    pairs = [(rows[name], others[name]) for rows, others in common if name in rows and name in others]
    if not pairs or len(pairs) < len(common) or len({len(values) for pair in pairs for values in pair}) > 1:
        return None
    if not all((np.abs(values) < LARGEST).all() for pair in pairs for values in pair):
        return None
    interval = crossed_mean_interval(np.array([np.subtract(rows, others) for rows, others in pairs]))
    return _bounds(interval) if math.isfinite(interval.low) else None


def _corrected(comparisons: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The comparisons with what depends on the number m of variants compared by a scalar.

    `p_holm` is the p-value after Holm's correction. `detectable` is the smallest true difference that 80 % of studies
    with as many pairs and this spread would find at 5 % / m, the level that Holm's correction begins with.
    """
    result = {
        variant: {name: dict(entry) for name, entry in scalars.items()} for variant, scalars in comparisons.items()
    }
    for name in _union(result.values()):
        entries = [scalars[name] for scalars in result.values() if name in scalars and scalars[name]["p"] is not None]
        for entry, adjusted in zip(entries, holm([entry["p"] for entry in entries]), strict=True):
            entry["p_holm"] = adjusted
            if 0 < entry["std"] < math.inf:
                entry["detectable"] = detectable_difference(entry["std"], len(entry["seeds"]), LEVEL / len(entries))
    return result


def _bounds(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _by_scalar(by_seed: Mapping[int, Result]) -> dict[str, dict[int, float]]:
    """One variant's values by scalar, then by seed in ascending order."""
    seeds = sorted(by_seed)
    names = _union(by_seed[seed].scalars for seed in seeds)
    return {
        name: {seed: _countable(by_seed[seed].scalars[name]) for seed in seeds if name in by_seed[seed].scalars}
        for name in names
    }


def _countable(value: float | int) -> float:
    return float(value) if abs(value) < LARGEST else math.inf


def _union(groups: Iterable[Iterable[str]]) -> list[str]:
    """All names in order of first appearance."""
    return list(dict.fromkeys(name for group in groups for name in group))
