"""What a study says: mean and spread of every variant, and its paired comparison with the baseline."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smoothkit.scenario import Result

CONFIDENCE = 0.95
"""Coverage of the intervals; `summary.json` names them by it (`ci95`)."""

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
    reference = values.get(baseline, {}) if baseline is not None else {}
    return {
        "better": better,
        "headline": _union(result.headline for result in everything) or names,
        "variants": {
            variant: {name: spread(by_seed) for name, by_seed in scalars.items()} for variant, scalars in values.items()
        },
        "comparisons": {
            variant: {
                name: {**compare(by_seed, reference[name]), "better": better.get(name)}
                for name, by_seed in scalars.items()
                if name in reference
            }
            for variant, scalars in values.items()
            if reference and variant != baseline
        },
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
    """Mean difference from the baseline over common seeds, with its 95 % interval.

    The interval is `paired_interval`; it is None for fewer than two pairs. Intervals of several comparisons are not
    corrected for their number.
    """
    common = [seed for seed in by_seed if seed in baseline]
    seeds = [seed for seed in common if math.isfinite(by_seed[seed]) and math.isfinite(baseline[seed])]
    differences = [by_seed[seed] - baseline[seed] for seed in seeds]
    return {
        "difference": statistics.fmean(differences) if differences else None,
        "ci95": list(paired_interval(differences)) if len(differences) > 1 else None,
        "seeds": seeds,
        "left_out": len(common) - len(seeds),
    }


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of a mean difference, by Student's t with n − 1 degrees of freedom.

    It supposes that the differences are independent and roughly normal. Equal differences give an interval of no
    width: what was seen does not vary, which with few seeds is weak evidence that nothing does.

    Raises:
        statistics.StatisticsError: there are fewer than two differences.
    """
    from scipy.stats import t

    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    margin = float(t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1)) * error
    return mean - margin, mean + margin


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
