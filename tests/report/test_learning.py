"""Learning curves over seeds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.report.learning import MOST_POINTS, learning_curves
from smoothkit.report.recording import Curve


def curve(points: dict[float, float]) -> Curve:
    return Curve(np.array(list(points), dtype=float), np.array(list(points.values()), dtype=float))


def test_band_is_mean_and_range_at_each_step():
    first = {"train/loss": curve({10: 1.0, 20: 3.0}), "validation/nll": curve({10: 5.0})}
    second = {"train/loss": curve({10: 2.0})}
    found = learning_curves({"LS": [first, second]})
    assert list(found) == ["train/loss", "validation/nll"]
    figure = found["train/loss"]
    assert (figure.title, figure.x_label) == ("train/loss", "step")
    assert figure.x == {"LS": (10.0, 20.0)}
    assert figure.y == {"LS": (1.5, 3.0)}
    assert (figure.low, figure.high) == ({"LS": (1.0, 3.0)}, {"LS": (2.0, 3.0)})


def test_one_seed_has_a_line_and_no_band():
    figure = learning_curves({"LS": [{"x": curve({1: 2.0, 2: 1.0})}]})["x"]
    assert (figure.y, figure.low, figure.high) == ({"LS": (2.0, 1.0)}, {}, {})


def test_run_that_stopped_early_counts_as_far_as_it_got():
    long = {"x": curve({1: 1.0, 2: 1.0, 3: 1.0})}
    assert learning_curves({"a": [long, {"x": curve({1: 3.0})}]})["x"].y["a"] == (2.0, 1.0, 1.0)


@given(st.integers(MOST_POINTS + 1, 5000), st.integers(0, 1000))
def test_long_records_are_averaged_over_stretches(length, entropy):
    noise = np.random.default_rng(entropy).normal(size=(2, length))
    steps = np.arange(length, dtype=float)
    figure = learning_curves({"a": [{"x": Curve(steps, seed)} for seed in noise]})["x"]
    assert len(figure.x["a"]) == MOST_POINTS
    # The stretches are parts of the record, each as long as the next or one longer.
    parts = np.split(noise, [place * length // MOST_POINTS for place in range(1, MOST_POINTS)], axis=1)
    means = np.array([part.mean(axis=1) for part in parts])
    np.testing.assert_allclose(figure.y["a"], means.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(figure.low["a"], means.min(axis=1), atol=1e-12)
    np.testing.assert_allclose(figure.high["a"], means.max(axis=1), atol=1e-12)


def test_long_records_with_gaps():
    sparse = {"x": curve(dict.fromkeys(range(0, 1000, 100), 2.0))}
    dense = {"x": curve(dict.fromkeys(range(1000), 4.0))}
    figure = learning_curves({"a": [sparse, dense]})["x"]
    assert (min(figure.y["a"]), max(figure.y["a"]), min(figure.low["a"])) == (3.0, 4.0, 2.0)


def test_nothing_logged_gives_no_curves():
    assert learning_curves({"a": [{}], "b": []}) == {}


def test_a_tag_without_any_finite_value_is_an_empty_figure():
    figure = learning_curves({"a": [{"x": curve({})}]})["x"]
    assert figure.y == {}
