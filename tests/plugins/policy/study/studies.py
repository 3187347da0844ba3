"""Results of studies that never ran, with planted numbers."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np

from smoothkit.conclusion import Findings
from smoothkit.report.figures import CurvesFigure
from smoothkit.report.numbers import MINUS
from smoothkit.scenario import Result
from smoothkit_policy.conclude import conclude
from smoothkit_policy.config import PolicyConfig

COEFFICIENTS = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


def config(term="none", coef=0.0, environment: Any = "smoothkit/SwitchingCorridor-v0", **tables):
    """The configuration of a variant."""
    exploration = {"term": term, "coef": coef, **tables.pop("exploration", {})} if term != "none" else {}
    place = {"id": environment} if isinstance(environment, str) else environment
    own = {"exploration": exploration, "environment": place, **tables}
    return PolicyConfig.model_validate({"scenario": "policy", **own})


def seeds(share, count=20, noise=0.0, source=0, solved=1.0, **planted):
    """Results of so many seeds: the sampled policy has this share of an optimum of 10, the greedy one a little more.

    `solved` is the share of the seeds that solve it, the first ones; their times are 1,000 steps, 2,000, and so on.
    """
    random = np.random.default_rng(source)
    found = {}
    for seed in range(count):
        own = share + noise * random.normal()
        is_solved = seed < round(solved * count)
        scalars = {
            **{"return_greedy": 10 * own + 0.1, "return_sampled": 10 * own, "return_desmoothed": 10 * own},
            **{"optimum": 10.0, "shortfall_greedy": 0.99 - own, "shortfall_sampled": 1 - own},
            **{"solved": float(is_solved), "entropy": 0.3, "premature": 0.0, "coverage": 1.0, "min_probability": 0.01},
            "timesteps_to_solved": 1000.0 * (seed + 1) if is_solved else math.nan,
        }
        curve = CurvesFigure(
            title="",
            x_label="",
            y_label="",
            x={"sampled": (0.0, 100.0), "greedy": (0.0, 100.0)},
            y={"sampled": (0.0, 10 * own), "greedy": (0.0, 10 * own)},
        )
        found[seed] = Result(scalars={**scalars, **planted}, figures={"learning": curve})
    return found


def findings(variants, baseline: str | None = "none", levels=None):
    """What a study of these variants is concluded from: their configurations and their results."""
    return Findings(
        configs={name: own for name, (own, _) in variants.items()},
        baseline=baseline,
        results={name: results for name, (_, results) in variants.items()},
        levels=levels or {},
    )


def sweep(
    term,
    shares,
    solved: float | tuple[float, ...] = 1.0,
    coefficients=COEFFICIENTS,
    name="",
    count=20,
    noise=0.01,
    **tables,
):
    """Variants of a term: by coefficient, the share that the sampled policy gets; all solve it, unless `solved` is a
    share for each."""
    rates = solved if isinstance(solved, tuple) else [solved] * len(shares)
    return {
        f"{name or term} {coef:g}": (
            config(term, coef, **tables),
            seeds(share, count, noise, hash_of(term, coef), rate),
        )
        for coef, share, rate in zip(coefficients, shares, rates, strict=True)
    }


def changed(variants, **scalars):
    """The same with other numbers in every result."""
    return {
        name: (own, {seed: replace(result, scalars={**result.scalars, **scalars}) for seed, result in results.items()})
        for name, (own, results) in variants.items()
    }


def hash_of(term, coef):
    """A source of noise for each variant."""
    return round(1000 * coef) + 7927 * len(term)


def words(found):
    """The sentences, with a plain minus."""
    return [each.replace(MINUS, "-") for each in conclude(found).words]


def rows(table):
    """The cells of a table's rows, by the first."""
    return {row[0].text: [cell.text for cell in row[1:]] for section in table.sections for row in section.rows}


def sentence(found, pattern):
    """The only sentence that has this in it."""
    (one,) = [each for each in found if re.search(pattern, each)]
    return one


NONE = {"none": (config(), seeds(0.33, noise=0.01, solved=0.0))}
"""No seed solves it."""
ENTROPY = sweep("entropy", (0.3, 0.3, 0.4, 0.6, 0.91, 0.6), (0, 0, 0, 0.1, 1, 1))
"""Works at 0.5 alone."""
WIDE = sweep("kl_uniform", (0.4, 0.5, 0.9, 0.91, 0.9, 0.6), (0, 0.2, 1, 1, 1, 1))
"""Works at 0.1, 0.2 and 0.5."""
