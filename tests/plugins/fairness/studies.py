"""Results of studies that never ran: rows with planted accuracy and signed gaps, under the names of the plugin."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri

from smoothkit.conclusion import Findings
from smoothkit.scenario import Result
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.names import of_group, of_pair

SHARED = 0.7
"""Of the variance of what makes a row hard, what all seeds and variants have in common."""


class Rows:
    """The test rows of some groups, hard or easy for all models alike."""

    def __init__(self, sizes: Mapping[str, int], noise: np.random.Generator):
        self.noise = noise
        self.hardness = {group: noise.normal(size=size) for group, size in sizes.items()}
        self.tilt = {group: noise.normal(0, 0.1, size) for group, size in sizes.items()}
        self.own: dict[int, dict[str, np.ndarray]] = {}

    def seed(self, seed: int) -> dict[str, np.ndarray]:
        """What else makes a row hard for the models of one seed."""
        if seed not in self.own:
            self.own[seed] = {group: self.noise.normal(size=len(rows)) for group, rows in self.hardness.items()}
        return self.own[seed]

    def measure(
        self, seed: int, gaps: Mapping[str, float], accuracy: float = 0.75, *, stored: bool = True, **scalars: float
    ) -> Result:
        """One run whose groups have these expected gaps; scalars by name are added, or replace what is computed."""
        found: dict[str, float] = {}
        rows: dict[str, np.ndarray] = {}
        for group, gap in gaps.items():
            hardness = math.sqrt(SHARED) * self.hardness[group] + math.sqrt(1 - SHARED) * self.seed(seed)[group]
            right = (hardness < ndtri(accuracy)).astype(float)
            confidence = accuracy + gap + self.tilt[group] + self.noise.normal(0, 0.002)
            for quantity, values in {"gap": confidence - right, "accuracy": right}.items():
                rows[of_group(quantity, group)] = values
                found[of_group(quantity, group)] = float(values.mean()) if len(values) else math.nan
            found[of_group("confidence", group)] = float(confidence.mean()) if len(confidence) else math.nan
            found[of_group("rows", group)] = float(len(right))
        for first, second in itertools.combinations(gaps, 2):
            difference = found[of_group("gap", second)] - found[of_group("gap", first)]
            found[of_pair("gap_difference", first, second)] = difference
        return Result(scalars=found | scalars, rows=rows if stored else {})


def config(target: Mapping[str, object] | None = None, temperature: str = "none") -> FairnessConfig:
    """The configuration of a variant."""
    tables = {"scenario": "fairness", "target": target or {"name": "onehot"}, "evaluate": {"temperature": temperature}}
    return FairnessConfig.model_validate(tables)


def smoothed(alpha: float, convention: str = "all") -> FairnessConfig:
    """The configuration of a variant with label smoothing."""
    return config({"name": "ls", "alpha": alpha, "convention": convention})


def findings(
    configs: Mapping[str, FairnessConfig],
    results: Mapping[str, Mapping[int, Result]],
    baseline: str | None = "hard labels",
) -> Findings:
    """What a conclusion is drawn from."""
    return Findings(configs=configs, baseline=baseline, results=results)


def two_groups(
    noise: np.random.Generator,
    gaps: Sequence[float],
    sizes: tuple[int, int] = (3000, 1500),
    seeds: int = 5,
    accuracy: float = 0.75,
) -> dict[int, Result]:
    """The results of one variant with the groups Male and Female."""
    names = ("Male", "Female")
    rows = Rows(dict(zip(names, sizes, strict=True)), noise)
    return {seed: rows.measure(seed, dict(zip(names, gaps, strict=True)), accuracy) for seed in range(seeds)}
