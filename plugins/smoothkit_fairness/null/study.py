"""The verdict on two groups that the conclusion of a fairness study gives, over several models and their rows."""

import numpy as np

from smoothkit.scenario import Result, ScenarioConfig
from smoothkit_fairness.names import of_group, of_pair
from smoothkit_fairness.null.laws import Sample
from smoothkit_fairness.readings import Variant
from smoothkit_fairness.verdicts import judge_pairs

PAIR = ("first", "second")


def verdict_given(first: Sample, second: Sample, generator: np.random.Generator, resamples: int) -> bool:
    """Whether the models' runs together get a verdict; nothing is resampled."""
    results = {seed: _result((first, second), seed) for seed in range(1 + len(first.retrained))}
    variant = Variant("the models", ScenarioConfig(scenario="fairness"), results)
    return any(pair.verdict != "open" for pair in judge_pairs(variant))


def _result(samples: tuple[Sample, Sample], seed: int) -> Result:
    """What the run of one model says of the groups, as far as a verdict rests on it."""
    scalars, rows = {}, {}
    for name, sample in zip(PAIR, samples, strict=True):
        right = (sample.correctness, *sample.retrained)[seed]
        for quantity, values in {"gap": sample.confidence - right, "accuracy": right}.items():
            rows[of_group(quantity, name)] = values.numpy()
            scalars[of_group(quantity, name)] = float(values.mean())
        scalars[of_group("rows", name)] = float(len(right))
    first, second = (scalars[of_group("gap", name)] for name in PAIR)
    return Result(scalars={**scalars, of_pair("gap_difference", *PAIR): second - first}, rows=rows)
