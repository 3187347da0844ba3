"""From the outcomes of trials to rates with intervals."""

import math

import pytest
import torch

from smoothkit_fairness.null.cells import CELLS, scalar_of
from smoothkit_fairness.null.config import NullConfig
from smoothkit_fairness.null.rates import evaluate
from smoothkit_fairness.null.trials import Outcomes

CONFIG = NullConfig(scenario="fairness-null")


def outcomes_of(**values):
    """The same four outcomes in every cell of a kind, but for those of one cell."""
    outcomes = Outcomes(4)
    for kind, (usual, cell, special) in values.items():
        for each in CELLS[kind]:
            outcomes.values[scalar_of(kind, each)] = torch.tensor(special if each == cell else usual).double()
    return outcomes


def test_rates_have_wilson_intervals_and_means_student_ones(run):
    alarm, gap = CELLS["false_alarms"][4], CELLS["bias"][2]
    result = evaluate(
        CONFIG,
        run,
        outcomes_of(false_alarms=([0, 0, 0, 0], alarm, [1, 0, 0, 0]), bias=([0, 0, 0, 0], gap, [1, 2, 3, 4])),
    )
    name = scalar_of("false_alarms", alarm)
    assert result.scalars[name] == 0.25
    # z = 1.959964: (0.25 + z^2/8 -+ z sqrt(0.1875/4 + z^2/64)) / (1 + z^2/4).
    assert result.intervals[name] == pytest.approx((0.0455873, 0.6993582), abs=1e-6)
    name = scalar_of("bias", gap)
    margin = 3.182446 * math.sqrt(5 / 3 / 4)
    assert result.intervals[name] == pytest.approx((2.5 - margin, 2.5 + margin), abs=1e-5)
    assert "lowest_coverage" not in result.scalars


def test_the_worst_cells_are_the_headline(run):
    result = evaluate(
        CONFIG,
        run,
        outcomes_of(
            false_alarms=([1, 0, 0, 0], CELLS["false_alarms"][1], [1, 1, 1, 0]),
            coverage=([1, 1, 1, 1], CELLS["coverage"][8], [1, 1, 0, 0]),
            bias=([0.1, 0.1, 0, 0], CELLS["bias"][6], [-0.3, -0.1, -0.3, -0.1]),
        ),
    )
    assert result.headline == ("worst_false_alarms", "lowest_coverage", "largest_bias")
    assert [result.scalars[name] for name in result.headline] == pytest.approx([0.75, 0.5, 0.2])
    assert set(result.better) == set(result.headline)
    assert result.scalars["trials"] == 4


def test_rows_without_spread_have_no_interval(run):
    result = evaluate(CONFIG, run, outcomes_of(bias=([0.5] * 4, None, None)))
    assert scalar_of("bias", CELLS["bias"][0]) not in result.intervals
