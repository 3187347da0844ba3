"""The first classes of a row, against a stable sort."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.metrics.top_classes import top_classes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 30), classes=st.integers(1, 12), seed=st.integers(0, 2**31), data=st.data())
def test_top_classes_of_tied_outputs_are_those_of_a_stable_sort(dtype, rows, classes, seed, data):
    k = data.draw(st.integers(1, classes))
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randint(-2, 3, (rows, classes), generator=generator).to(dtype)
    outputs[outputs == -2] = -math.inf
    before = outputs.clone()
    expected = [sorted(range(classes), key=lambda index: -row[index])[:k] for row in outputs.tolist()]
    assert top_classes(outputs, k).tolist() == expected
    assert torch.equal(outputs, before)
