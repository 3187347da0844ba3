"""Curves of a training."""

import math

from smoothkit_policy.figures.learning import learning_figure

RECORDS = {
    "eval/return_greedy": [(64, 0.5), (128, 1.0)],
    "eval/return_sampled": [(64, 0.25), (96, math.nan), (128, 0.75)],
}


def history(tag):
    return RECORDS.get(tag, [])


def test_each_manner_of_acting_has_its_measurements():
    figure = learning_figure(history)
    assert figure is not None
    assert figure.x == {"greedy": (64.0, 128.0), "sampled": (64.0, 128.0)}
    assert figure.y == {"greedy": (0.5, 1.0), "sampled": (0.25, 0.75)}


def test_one_measurement_is_no_curve():
    assert learning_figure(lambda tag: history(tag)[:1]) is None
    assert learning_figure(lambda tag: []) is None
