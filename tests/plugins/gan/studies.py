"""Results of studies that never ran, with planted numbers."""

import numpy as np

from smoothkit.conclusion import Findings
from smoothkit.scenario import Result
from smoothkit_gan.config import GanConfig

POINTS = {
    **{"modes": 8.0, "modes_20": 8.0, "high_quality": 0.95, "reverse_kl": 0.005, "spread": 0.9, "modes_perfect": 8.0},
    **{"high_quality_perfect": 0.9889, "spread_perfect": 1.0, "reverse_kl_floor": 0.0014, "d_real": 0.5},
    **{"d_equilibrium": 0.5, "equilibrium_gap": 0.0, "d_accuracy": 0.5, "vanishing": 0.0, "d_error": 0.04},
    **{"d_error_floor": 0.03},
}
IMAGES = {
    **{"fd_digits-mlp32": 0.8, "kid_digits-mlp32": 0.02, "precision": 0.9, "recall": 0.8, "density": 0.9},
    **{"coverage": 0.85, "fd_digits-mlp32_floor": 0.3, "kid_digits-mlp32_floor": 0.005, "precision_floor": 0.97},
    **{"recall_floor": 0.96, "density_floor": 1.0, "coverage_floor": 0.96, "fd_digits-mlp32_gaussian": 1.2},
    **{"kid_digits-mlp32_gaussian": 0.05, "precision_gaussian": 0.77, "recall_gaussian": 0.83},
    **{"density_gaussian": 0.41, "coverage_gaussian": 0.42},
}
STACKS = {
    **{"modes": 1000.0, "reverse_kl": 0.06, "confident": 0.8, "confident_modes": 990.0, "confident_reverse_kl": 0.09},
    **{"modes_perfect": 999.99, "reverse_kl_floor": 0.0194, "modes_real": 1000.0, "reverse_kl_real": 0.03},
    **{"confident_real": 0.86, "confident_reverse_kl_real": 0.04, "modes_gaussian": 1000.0},
    **{"reverse_kl_gaussian": 0.09, "confident_gaussian": 0.2, "confident_reverse_kl_gaussian": 0.7},
}


def variant(count=5, like=POINTS, source=0, noise=(), **planted):
    """Results of so many seeds: the numbers of `like` with those that are planted, for all seeds or for each of them;
    those in `noise` differ from seed to seed by a hundredth."""
    random = np.random.default_rng(source)
    found = {}
    for seed in range(count):
        own = {name: each[seed] if isinstance(each, tuple) else each for name, each in planted.items()}
        scalars = {**like, **own}
        found[seed] = Result(scalars={**scalars, **{name: scalars[name] + 0.01 * random.normal() for name in noise}})
    return found


def config(**tables):
    """The configuration of a variant."""
    return GanConfig.model_validate({"scenario": "gan", **tables})


def findings(results, baseline="none", **configs):
    """What a study of these results is concluded from; variants without a configuration have the default."""
    return Findings(
        configs={name: configs.get(name.replace(" ", "_"), config()) for name in results},
        baseline=baseline,
        results=results,
    )
