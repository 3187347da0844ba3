"""Neural collapse: exact simplices, known departures from them, and the definitions with full covariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics.collapse import neural_collapse

few_examples = settings(max_examples=25, deadline=None)


def simplex(classes: int, features: int, seed: int = 0) -> Tensor:
    """An equiangular tight frame of `classes` vectors, rotated into `features` dimensions."""
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(features, features, generator=generator, dtype=torch.float64))[0]
    return (torch.eye(classes).double() - 1 / classes) @ rotation[:, :classes].T


def samples(classes: int, features: int, seed: int, rows: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Features around class means, their labels, and a weight."""
    generator = torch.Generator().manual_seed(seed)
    means = 3 * torch.randn(classes, features, generator=generator, dtype=torch.float64)
    labels = torch.cat([torch.arange(classes), torch.randint(classes, (rows,), generator=generator)])
    noise = torch.randn(len(labels), features, generator=generator, dtype=torch.float64)
    return means[labels] + noise, labels, means + torch.randn(classes, features, generator=generator).double()


def numbers(found) -> list[float]:
    parts = [found.variability, found.duality, found.agreement]
    for part in (found.means, found.weights):
        parts += [part.norm_variation, part.angle_variation, part.angle_deviation]
    return [float(value) for value in parts]


@few_examples
@given(st.integers(2, 10), st.integers(0, 20), st.floats(0.01, 100), st.floats(-100, 100), st.integers(0, 2**31))
def test_a_simplex_has_collapsed_wherever_it_lies_and_however_large_it_is(classes, more, scale, shift, seed):
    frame = simplex(classes, classes + more, seed)
    labels = torch.arange(classes).repeat(3)
    # The bias takes back what the shift adds to the logits.
    weight = 0.7 * frame
    found = neural_collapse(scale * frame[labels] + shift, labels, weight, -shift * weight.sum(1))
    assert found.agreement == 1
    assert numbers(found)[:2] + numbers(found)[3:] == pytest.approx([0] * 8, abs=1e-7 * (1 + abs(shift) / scale))


def test_classes_of_different_size_collapse_as_well():
    frame = simplex(3, 4)
    labels = torch.tensor([0] * 50 + [1] + [2] * 7)
    assert numbers(neural_collapse(frame[labels], labels, frame)) == pytest.approx(
        [0, 0, 1, 0, 0, 0, 0, 0, 0], abs=1e-7
    )


def test_variability_in_closed_form():
    # Means at +-a on one axis, rows at +-b around them: S_w = b^2, S_b = a^2, over two classes.
    features = torch.tensor([[3.0], [5.0], [-3.0], [-5.0]])
    found = neural_collapse(features, torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0], [-1.0]]))
    assert float(found.variability) == pytest.approx(1 / 16 / 2, abs=1e-15)
    # Deviations across the axis, in which the means do not differ, do not count.
    across = torch.cat([features, torch.tensor([[9.0], [-9.0], [9.0], [-9.0]])], dim=1)
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert float(neural_collapse(across, torch.tensor([0, 0, 1, 1]), weight).variability) == pytest.approx(1 / 32)


def test_orthogonal_weights_in_closed_form():
    # Cosines of 0 instead of -1 / 2; uncentred, so duality is 2 - 2 <I, M> / (|I| |M|) with M = I - 1/3.
    found = neural_collapse(torch.eye(3), torch.arange(3), torch.eye(3))
    assert float(found.weights.angle_deviation) == pytest.approx(1 / 2)
    assert float(found.weights.norm_variation) == float(found.weights.angle_variation) == 0
    assert float(found.means.angle_deviation) == pytest.approx(0, abs=1e-15)
    assert float(found.duality) == pytest.approx(2 - 2 * 2 / (math.sqrt(3) * math.sqrt(2)))


def test_opposed_weights_are_as_far_as_can_be():
    frame = simplex(4, 5)
    found = neural_collapse(frame, torch.arange(4), -frame)
    assert float(found.duality) == pytest.approx(4)
    assert float(found.agreement) == 0


@few_examples
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 2**31))
def test_definitions_with_full_covariances(classes, features, seed):
    rows, labels, weight = samples(classes, features, seed)
    bias = torch.randn(classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = neural_collapse(rows, labels, weight, bias)
    means = torch.stack([rows[labels == c].mean(0) for c in range(classes)])
    centred = means - means.mean(0)
    within = (rows - means[labels]).T @ (rows - means[labels]) / len(rows)
    between = centred.T @ centred / classes
    expected = (within @ torch.linalg.pinv(between, hermitian=True, rtol=1e-12)).trace() / classes
    assert float(found.variability) == pytest.approx(float(expected), rel=1e-8)
    duality = (weight / weight.square().sum().sqrt() - centred / centred.square().sum().sqrt()).square().sum()
    assert float(found.duality) == pytest.approx(float(duality), abs=1e-12)
    agreed = torch.cdist(rows, means).argmin(1) == (rows @ weight.T + bias).argmax(1)
    assert float(found.agreement) == pytest.approx(float(agreed.double().mean()))
    for vectors, part in ((centred, found.means), (weight, found.weights)):
        lengths = vectors.norm(dim=1)
        assert float(part.norm_variation) == pytest.approx(float(lengths.numpy().std() / lengths.numpy().mean()))
        pairs = [(i, j) for i in range(classes) for j in range(classes) if i != j]
        cosines = torch.stack([F.cosine_similarity(vectors[i], vectors[j], dim=0) for i, j in pairs])
        assert float(part.angle_variation) == pytest.approx(float(cosines.numpy().std()), abs=1e-9)
        deviation = (cosines + 1 / (classes - 1)).abs().mean()
        assert float(part.angle_deviation) == pytest.approx(float(deviation), abs=1e-12)


@few_examples
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 2**31))
def test_laws(classes, features, seed):
    rows, labels, weight = samples(classes, features, seed)
    expected = pytest.approx(numbers(neural_collapse(rows, labels, weight)), rel=1e-8, abs=1e-9)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    assert numbers(neural_collapse(rows[order], labels[order], weight)) == expected
    assert numbers(neural_collapse(rows, F.one_hot(labels, classes).double(), weight)) == expected
    assert numbers(neural_collapse(rows, labels, weight, torch.zeros(classes))) == expected
    assert numbers(neural_collapse(4 * rows, labels, 3 * weight)) == expected
    padded = torch.cat([rows, rows[:2]]), torch.cat([labels, torch.tensor([-100, -100])])
    assert numbers(neural_collapse(*padded, weight, ignore_index=-100)) == expected


def test_more_rows_than_a_block_and_single_precision():
    rows, labels, weight = samples(3, 5, seed=0, rows=10_000)
    expected = numbers(neural_collapse(rows, labels, weight))
    assert numbers(neural_collapse(rows.float(), labels, weight.float())) == pytest.approx(expected, rel=1e-4)
    # Every row four times over leaves all means and covariances as they are.
    assert numbers(neural_collapse(rows.repeat(4, 1), labels.repeat(4), weight)) == pytest.approx(expected, rel=1e-9)


def test_a_mean_in_the_centre_and_a_weight_of_zero_have_no_angle():
    # 0.1 + 0.2 + 0.3 has a centre that is not 0.2 to the last digit.
    features, weight = torch.tensor([[0.1], [0.2], [0.3]], dtype=torch.float64), torch.tensor([[-1.0], [0.0], [1.0]])
    found = neural_collapse(features, torch.arange(3), weight)
    for part in (found.means, found.weights):
        assert part.angle_variation.isnan()
        assert part.angle_deviation.isnan()
        assert float(part.norm_variation) == pytest.approx(math.sqrt(2 / 9) / (2 / 3))
    assert (float(found.variability), float(found.duality)) == pytest.approx((0, 0), abs=1e-15)


FAULTS = [
    (torch.eye(3), torch.tensor([0, 1, 1]), torch.eye(3), "1 of 3 classes have no rows, the first is 2"),
    (torch.ones(3, 2), torch.arange(3), torch.ones(3, 2), "all class means are the same"),
    (torch.eye(3), torch.tensor([0, 1, 3]), torch.eye(3), r"labels must lie in 0\.\.2, got 0\.\.3"),
    (torch.eye(3) * math.nan, torch.arange(3), torch.eye(3), "features hold NaN or infinite values"),
    (torch.empty(0, 3), torch.empty(0, dtype=torch.int64), torch.eye(3), "there are no rows"),
    (torch.eye(3), torch.zeros(3, dtype=torch.int64), torch.ones(1, 3), "2 classes or more"),
    (
        torch.eye(2),
        torch.tensor([[-5.0, 6.0], [0.5, 0.5]]),
        torch.eye(2),
        "1 of 2 soft labels are no distributions",
    ),
    (torch.eye(2), torch.tensor([[0.5, 0.5], [1.0, 7.0]]), torch.eye(2), "the first is row 1"),
    (torch.eye(2), torch.tensor([[0.5, 0.5], [math.nan, 1.0]]), torch.eye(2), "the first is row 1"),
    (torch.eye(2), torch.ones(2, 3) / 3, torch.eye(2), "for 2 rows of 2 classes, got torch.float32 of the shape"),
    (torch.eye(2), torch.ones(2, dtype=torch.bool), torch.eye(2), "got torch.bool"),
]


@pytest.mark.parametrize(("features", "labels", "weight", "message"), FAULTS)
def test_faults_are_named(features, labels, weight, message, without_shape_checks):
    with pytest.raises(ValueError, match=f"^neural_collapse: .*{message}"):
        neural_collapse(features, labels, weight)
