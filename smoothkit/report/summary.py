"""What a study says: mean and spread of every variant, and its paired comparison with the baseline."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from smoothkit.scenario import Result
from smoothkit.statistics import (
    Interval,
    crossed_mean_interval,
    detectable_difference,
    deviation,
    holm,
    paired_bootstrap_interval,
    paired_interval,
    paired_p_value,
)

Results = Mapping[str, Mapping[int, Result]]
"""Results by variant, then by seed."""


def summarise(results: Results, baseline: str | None) -> dict[str, Any]:
    """The parts of `summary.json` that are computed from results: better, headline, variants and comparisons.

    Every other variant is compared with `baseline`, scalar by scalar, on the seeds that both have. Seeds share data
    split, initial weights and batch order across variants, so differencing by seed removes what they have in common.
    Without a baseline, or where it has no result, there are no comparisons. Values that are not finite are stored as
    None, take no part in a mean or a pair, and are counted in `left_out`.
    """
    everything = [result for by_seed in results.values() for result in by_seed.values()]
    names = _union(result.scalars for result in everything)
    better = {name: direction for result in everything for name, direction in result.better.items()}
    values = {variant: _by_scalar(by_seed) for variant, by_seed in results.items()}
    baseline_results = results.get(baseline, {}) if baseline is not None else {}
    reference = _by_scalar(baseline_results)
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
                        **compare(by_seed, reference[name]),
                        "ci95_rows": over_rows(name, results[variant], baseline_results),
                        "better": better.get(name),
                    }
                    for name, by_seed in scalars.items()
                    if name in reference
                }
                for variant, scalars in values.items()
                if reference and variant != baseline
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
    the interval of `smoothkit.statistics.paired_bootstrap_interval`, None for fewer than five pairs; `detectable` is
    the smallest true difference that 80 % of studies with as many pairs and this spread would find at 5 %. Where the
    differences have no spread to measure by, p and `detectable` are None.
    """
    common = [seed for seed in by_seed if seed in baseline]
    seeds = [seed for seed in common if math.isfinite(by_seed[seed]) and math.isfinite(baseline[seed])]
    differences = [by_seed[seed] - baseline[seed] for seed in seeds]
    some = len(differences) > 1
    spread_of_pairs = deviation(differences) if some else 0.0
    # A generator of its own, so that a comparison does not depend on which others there are.
    resampled = paired_bootstrap_interval(differences, np.random.default_rng(0))
    return {
        "difference": statistics.fmean(differences) if differences else None,
        "ci95": _bounds(paired_interval(differences)) if some else None,
        "ci95_bootstrap": _bounds(resampled) if resampled else None,
        "p": paired_p_value(differences) if some else None,
        "p_holm": None,
        "detectable": detectable_difference(spread_of_pairs, len(differences)) if spread_of_pairs > 0 else None,
        "seeds": seeds,
        "left_out": len(common) - len(seeds),
    }


def over_rows(name: str, results: Mapping[int, Result], baseline: Mapping[int, Result]) -> list[float] | None:
    """The 95 % interval of a difference for other seeds and other test rows, from the rows that both have in common.

    `smoothkit.statistics.crossed_mean_interval` of the differences row by row. None where a common seed has no rows for
    this scalar, or where variants were tested on different numbers of rows.
    """
    common = [(results[seed].rows, baseline[seed].rows) for seed in results if seed in baseline]
    pairs = [(rows[name], others[name]) for rows, others in common if name in rows and name in others]
    if not pairs or len(pairs) < len(common) or len({len(values) for pair in pairs for values in pair}) > 1:
        return None
    interval = crossed_mean_interval(np.array([np.subtract(rows, others) for rows, others in pairs]))
    return _bounds(interval) if math.isfinite(interval.low) else None


def _corrected(comparisons: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The comparisons with `p_holm`: each scalar's p-values corrected for the number of variants compared by it."""
    result = {
        variant: {name: dict(entry) for name, entry in scalars.items()} for variant, scalars in comparisons.items()
    }
    for name in _union(result.values()):
        entries = [scalars[name] for scalars in result.values() if name in scalars and scalars[name]["p"] is not None]
        for entry, adjusted in zip(entries, holm([entry["p"] for entry in entries]), strict=True):
            entry["p_holm"] = adjusted
    return result


def _bounds(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _by_scalar(by_seed: Mapping[int, Result]) -> dict[str, dict[int, float]]:
    """One variant's values by scalar, then by seed in ascending order."""
    seeds = sorted(by_seed)
    names = _union(by_seed[seed].scalars for seed in seeds)
    return {
        name: {seed: float(by_seed[seed].scalars[name]) for seed in seeds if name in by_seed[seed].scalars}
        for name in names
    }


def _union(groups: Iterable[Iterable[str]]) -> list[str]:
    """All names in order of first appearance."""
    return list(dict.fromkeys(name for group in groups for name in group))
