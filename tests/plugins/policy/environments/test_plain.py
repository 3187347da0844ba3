"""Plain data survive a checkpoint exactly."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from smoothkit_policy.environments.plain import SMALLEST, packed, unpacked

FLOATS = st.floats(allow_nan=False, allow_subnormal=False)
LEAVES = st.one_of(st.booleans(), st.integers(-(2**127), 2**127), FLOATS, st.text(max_size=5))
PLAIN = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(st.lists(PLAIN, min_size=1, max_size=3))
def test_what_is_packed_is_unpacked(rows):
    tensor = packed(rows)
    assert tensor.dtype == torch.uint8
    assert len(tensor) == len(rows)
    assert unpacked(tensor) == rows


@given(arrays.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.uint8]), st.just((2, 3))))
def test_arrays_keep_their_type_and_every_bit(array):
    (again,) = unpacked(packed([{"x": array}]))
    assert again["x"].dtype == array.dtype
    assert np.array_equal(again["x"], array, equal_nan=array.dtype.kind == "f")


def test_lengths_are_few_so_that_rows_saved_apart_fit_together():
    assert packed([1]).shape == packed(["x" * 1000]).shape == (1, SMALLEST)
    assert packed(["x" * (SMALLEST + 1)]).shape == (1, 2 * SMALLEST)


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="Generator is no plain data"):
        packed([np.random.default_rng(0)])
