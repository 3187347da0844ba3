"""A choice that is none is refused by name and never taken for the default: outside tests, nothing else checks it."""

import numpy as np
import pytest
import torch

from smoothkit import metrics
from smoothkit.metrics.boundary import blocks
from smoothkit.metrics.height_rows import height_rows

LOGITS, LABELS = torch.eye(3)[[0, 1, 2, 1]].double(), torch.tensor([0, 1, 1, 2])
TREE = metrics.Hierarchy.from_tree([[0, 1], [2]], 3)
EVENTS = metrics.top_label(LOGITS, LABELS)
(BLOCK,) = blocks("choices", LOGITS, LABELS)
CHOICES = {
    "weights": [lambda wrong: metrics.weighted_kappa(LOGITS, LABELS, weights=wrong)],
    "decision": [
        lambda wrong: metrics.mean_absolute_error(LOGITS, LABELS, decision=wrong),
        lambda wrong: metrics.hierarchical_errors(LOGITS, LABELS, TREE, decision=wrong),
        lambda wrong: metrics.mistake_severity(LOGITS, LABELS, TREE, decision=wrong),
        lambda wrong: metrics.mean_height(LOGITS, LABELS, TREE, decision=wrong),
        lambda wrong: metrics.hierarchical_f(LOGITS, LABELS, TREE, decision=wrong),
        lambda wrong: height_rows(BLOCK, TREE, wrong),
    ],
    "over": [lambda wrong: metrics.average_distance(LOGITS, LABELS, TREE, k=2, over=wrong)],
    "norm": [lambda wrong: metrics.expected_calibration_error(LOGITS, LABELS, norm=wrong)],
    "closed": [lambda wrong: metrics.reliability_of(*EVENTS, closed=wrong)],
    "binning": [
        lambda wrong: metrics.reliability(LOGITS, LABELS, binning=wrong),
        lambda wrong: metrics.classwise_reliability(LOGITS, LABELS, binning=wrong),
        lambda wrong: metrics.bins_by_group(*EVENTS, LABELS, binning=wrong),
    ],
    "kernel": [lambda wrong: metrics.smooth_calibration_error(LOGITS, LABELS, kernel=wrong)],
    "score": [lambda wrong: metrics.score_decomposition(LOGITS, LABELS, score=wrong)],
    "rule": [
        lambda wrong: metrics.aurc(LOGITS, LABELS, rule=wrong),
        lambda wrong: metrics.augrc(LOGITS, LABELS, rule=wrong),
    ],
    "between": [lambda wrong: metrics.Grouped(overall=0.5, by_group={"a": 0.6, "b": 0.3}).difference(wrong)],
    "measure": [lambda wrong: metrics.paired_difference([EVENTS], [EVENTS], wrong, np.random.default_rng(0))],
}


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, found in CHOICES.items() for place in range(len(found))]
)
def test_an_unknown_choice_is_refused(name, place, without_shape_checks):
    with pytest.raises(ValueError, match=r"^\w+: \w+ must be one of .*, got 'quadratc'"):
        CHOICES[name][place]("quadratc")
