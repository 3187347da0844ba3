"""An episode in pictures."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from smoothkit.report.figures import UnreadableFigure, figure_from_json
from smoothkit_policy.figures.strip import LARGEST_SIDE, StripFigure
from tests.plugins.figures import assert_drawn, assert_light, assert_stored


def episode(steps, height=40, width=60):
    """Pictures of a bar that grows."""
    frames = np.full((steps + 1, height, width, 3), 255, np.uint8)
    for step, frame in enumerate(frames):
        frame[:, : width * step // steps] = (31, 98, 182)
    return dict(enumerate(frames))


def strip(steps=10, number=4, **size):
    return StripFigure.of("Episode of the greedy policy", episode(steps, **size), [0.5] * steps, number)


def opened(text):
    return np.asarray(Image.open(BytesIO(base64.b64decode(text))).convert("RGB"))


def test_moments_are_spread_from_the_first_to_the_last():
    figure = strip()
    assert figure.steps == (0, 3, 7, 10)
    assert figure.earned == (0.0, 1.5, 3.5, 5.0)


def test_a_short_episode_is_shown_whole():
    assert strip(steps=2, number=8).steps == (0, 1, 2)


def test_pictures_of_few_colours_are_kept_as_they_are():
    for step, text in zip(strip().steps, strip().frames, strict=True):
        assert np.array_equal(opened(text), episode(10)[step])


@pytest.mark.parametrize("size", [{"height": 400, "width": 600}, {"height": 480, "width": 100}])
def test_large_pictures_are_made_smaller_in_proportion(size):
    pixels = opened(strip(**size).frames[0])
    assert max(pixels.shape) == LARGEST_SIDE
    assert pixels.shape[0] / pixels.shape[1] == pytest.approx(size["height"] / size["width"], rel=0.02)


@pytest.mark.parametrize("steps", [1, 5, 30])
def test_it_is_stored_and_drawn(steps):
    figure = strip(steps, 8)
    assert_stored(figure)
    assert_drawn(figure)


def test_it_says_how_the_episode_went():
    assert strip().describe() == (
        "Episode of the greedy policy: 10 steps, return 5; return until each picture: step 0: 0, step 3: 1.5, "
        "step 7: 3.5, step 10: 5"
    )


def test_pictures_that_are_missing_give_way_to_their_neighbours():
    frames = {step: frame for step, frame in episode(10).items() if step in (0, 4, 8, 10)}
    assert StripFigure.of("Episode", frames, [1.0] * 10, 4).steps == (0, 4, 8, 10)
    assert StripFigure.of("Episode", frames, [1.0] * 10, 3).steps == (0, 4, 10)


def test_without_the_end_there_is_no_strip():
    with pytest.raises(ValueError, match=r"of the steps \[0, 1\]; expected those of 0 and 2"):
        StripFigure.of("Episode", {0: episode(2)[0], 1: episode(2)[1]}, [1.0, 1.0], 4)


def test_a_figure_that_was_tampered_with_is_unreadable():
    assert isinstance(figure_from_json({**strip().to_json(), "frames": 3}), UnreadableFigure)


def test_reading_it_loads_no_matplotlib():
    assert_light("smoothkit_policy.figures.strip")
