"""Results of studies that never ran, with planted numbers."""

from itertools import product

import numpy as np

from smoothkit.baselines import baselines_of
from smoothkit.conclusion import Findings
from smoothkit.report.summary import summarise
from smoothkit.scenario import Result
from smoothkit_selftrain.conclude import conclude
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.figures import RoundsFigure
from smoothkit_selftrain.quantities import COMPARED, ROUNDS

USUAL = {
    **{"accuracy": 0.8, "ece": 0.1, "transduction": 0.81, "pseudo_selected_share": 0.6, "pseudo_accuracy": 0.81},
    **{"pseudo_accuracy_selected": 0.9, "pseudo_confidence_wrong": 0.7, "pseudo_ece": 0.05, "pseudo_persistence": 0.7},
    **{"pseudo_corruption": 0.03, "pseudo_amplification": 2.0, "cap_headroom": 0.1, "anchor_supervised": 0.7},
    **{"anchor_transduction_supervised": 0.71, "anchor_label-spreading": 0.85},
    **{"anchor_transduction_label-spreading": 0.86, "anchor_self-training": 0.75},
    **{"anchor_transduction_self-training": 0.76, "anchor_label-propagation": 0.8},
    **{"anchor_transduction_label-propagation": 0.8},
}
BETTER = {each.name: each.better for each in COMPARED}
FIRST = {
    **{"accuracy": 0.7, "pseudo_selected_share": 0.5, "pseudo_accuracy": 0.7, "pseudo_accuracy_selected": 0.95},
    **{"pseudo_confidence_wrong": 0.5, "pseudo_ece": 0.1, "pseudo_persistence": 1.0},
}


def variant(count=5, source=0, noise=(), first=None, rounds=(0, 1, 2), **planted):
    """Results of so many seeds: the usual numbers with those that are planted, for all seeds or for each of them; those
    in `noise` differ from seed to seed by a hundredth. `first` is planted in the first round."""
    random = np.random.default_rng(source)
    found = {}
    for seed in range(count):
        own = {name: each[seed] if isinstance(each, tuple) else each for name, each in planted.items()}
        scalars = {**USUAL, **own}
        scalars |= {name: scalars[name] + 0.01 * random.normal() for name in noise}
        begin = {**FIRST, **(first or {})}
        values = [begin] + [{each.name: scalars[each.name] for each in ROUNDS}] * (len(rounds) - 1)
        figure = RoundsFigure.of("Rounds", dict(zip(rounds, values, strict=True)))
        found[seed] = Result(scalars=scalars, better=BETTER, figures={"rounds": figure})
    return found


def config(**tables):
    """The configuration of a variant."""
    return SelfTrainConfig.model_validate({"scenario": "selftrain", **tables})


def findings(results, baseline="hard", **configs):
    """What a study of these results is concluded from; variants without a configuration have the default."""
    return Findings(
        configs={name: configs.get(name.replace(" ", "_"), config()) for name in results},
        baseline=baseline,
        results=results,
        comparisons=summarise(results, baseline)["comparisons"],
    )


def grid_findings(axes, make, against="target", baseline="hard"):
    """A study of a grid: `make` gives the results of a variant by its levels; None for one that has not run."""
    levels = {", ".join(own): dict(zip(axes, own, strict=True)) for own in product(*axes.values())}
    results = {name: make(**own) or {} for name, own in levels.items()}
    baselines = baselines_of(levels, against, baseline)
    return Findings(
        configs={name: config(data={"labels": int(own.get("labels", "20"))}) for name, own in levels.items()},
        baseline=None,
        results=results,
        levels=levels,
        baselines=baselines,
        comparisons=summarise(results, baselines)["comparisons"],
    )


def tables(results, **configs):
    """The tables that a study of these results concludes with, by title."""
    return {table.title: table for table in conclude(findings(results, **configs)).tables}


def table(results, title, **configs):
    """The one of them whose title begins like this."""
    (one,) = [each for name, each in tables(results, **configs).items() if name.startswith(title)]
    return one


def rows(table):
    """What stands in the cells of a table, by the first one of each row."""
    return {row[0].text: [cell.text for cell in row[1:]] for section in table.sections for row in section.rows}
