"""Learning curves over seeds."""

import numpy as np

from smoothkit.report.learning import MOST_POINTS, bands, draw_bands
from smoothkit.report.pictures import png


def test_band_is_mean_and_range_at_each_step():
    first = [{"step": 10, "train/loss": 1.0, "validation/nll": 5.0}, {"step": 20, "train/loss": 3.0}]
    second = [{"step": 10, "train/loss": 2.0}, {"step": 20, "train/loss": None}]
    found = bands({"LS": [first, second]})
    assert list(found) == ["train/loss", "validation/nll"]
    band = found["train/loss"]["LS"]
    assert (band.steps, band.mean, band.low, band.high) == ((10.0, 20.0), (1.5, 3.0), (1.0, 3.0), (2.0, 3.0))
    assert found["validation/nll"]["LS"].steps == (10.0,)


def test_run_that_stopped_early_counts_as_far_as_it_got():
    long = [{"step": step, "x": 1.0} for step in (1, 2, 3)]
    band = bands({"a": [long, [{"step": 1, "x": 3.0}]]})["x"]["a"]
    assert band.mean == (2.0, 1.0, 1.0)


def test_long_records_are_averaged_and_keep_their_mean():
    noise = np.random.default_rng(0).normal(size=(2, 10_000))
    runs = [[{"step": step, "x": value} for step, value in enumerate(seed.tolist())] for seed in noise]
    band = bands({"a": runs})["x"]["a"]
    assert len(band.steps) == MOST_POINTS
    np.testing.assert_allclose(np.mean(band.mean), noise.mean(), atol=1e-12)
    assert np.all(np.array(band.high) - band.low < 1.0)  # the range of two averages, not of the noise


def test_long_records_with_gaps():
    sparse = [{"step": step, "x": 2.0} for step in range(0, 1000, 100)]
    dense = [{"step": step, "x": 4.0} for step in range(1000)]
    band = bands({"a": [sparse, dense]})["x"]["a"]
    assert (min(band.mean), max(band.mean), min(band.low)) == (3.0, 4.0, 2.0)


def test_nothing_logged_gives_no_curves():
    assert bands({"a": [[]], "b": []}) == {}


def test_picture_is_deterministic():
    band = bands({"a": [[{"step": 1, "x": 1.0}, {"step": 2, "x": 2.0}]]})["x"]
    assert png(draw_bands("x", band)) == png(draw_bands("x", band))
