"""From the spaces of environments to tensors."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from smoothkit_policy.environments.observation import reading_of
from smoothkit_policy.environments.spec import Observations

FORMS = [
    (spaces.Discrete(4), Observations("index", (), 4)),
    (spaces.Discrete(4, start=-3), Observations("index", (), 4)),
    (spaces.Box(-1, 1, ()), Observations("vector", (1,))),
    (spaces.Box(-1, 1, (5,)), Observations("vector", (5,))),
    (spaces.Box(0, 255, (5,), np.uint8), Observations("vector", (5,))),
    (spaces.Box(-1, 1, (4, 5)), Observations("vector", (20,))),
    (spaces.Box(0, 255, (40, 50), np.uint8), Observations("image", (1, 40, 50))),
    (spaces.Box(0, 255, (40, 50, 3), np.uint8), Observations("image", (3, 40, 50))),
    (spaces.Box(0, 255, (4, 40, 50), np.uint8), Observations("image", (4, 40, 50))),
    (spaces.Box(0, 255, (7, 7, 3), np.uint8), Observations("image", (3, 7, 7))),
    (spaces.Box(-1, 1, (4, 6, 5)), Observations("image", (4, 6, 5))),
]


@pytest.mark.parametrize(("space", "form"), FORMS, ids=[str(space) for space, _ in FORMS])
def test_spaces_have_their_form(space, form):
    reading = reading_of(space)
    assert reading.form == form
    space.seed(0)
    batch = np.array([[space.sample() for _ in range(3)] for _ in range(2)])
    read = reading(batch)
    assert read.shape == (2, 3, *form.shape)
    assert read.dtype == (torch.int64 if form.kind == "index" else torch.float32)
    if form.kind == "index":
        assert 0 <= int(read.min()) <= int(read.max()) < form.states


def test_pixels_are_shares_and_codes_stay():
    pixels, codes = (spaces.Box(0, 255, (size, size, 3), np.uint8) for size in (36, 7))
    assert float(reading_of(pixels)(np.full((1, 1, 36, 36, 3), 255, np.uint8)).max()) == 1
    assert float(reading_of(codes)(np.full((1, 1, 7, 7, 3), 10, np.uint8)).max()) == 10


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_channels_come_first_and_nothing_is_mixed_up(height, width, seed):
    shape = height, width, 2
    batch = np.random.default_rng(seed).normal(size=(1, 2, *shape)).astype(np.float32)
    read = reading_of(spaces.Box(-np.inf, np.inf, shape))(batch)
    assert read.shape == (1, 2, 2, height, width)
    assert all(torch.equal(read[:, :, channel], torch.from_numpy(batch[..., channel])) for channel in range(2))


@pytest.mark.parametrize("space", [spaces.MultiBinary(3), spaces.Tuple([spaces.Discrete(2)]), spaces.Text(4)])
def test_other_spaces_are_refused(space):
    with pytest.raises(ValueError, match=type(space).__name__):
        reading_of(space)
