"""Measures over a class tree: published values, the definitions spelt out in loops, and ties."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics import calibration_error_of, expected_calibration_error, reliability_of
from smoothkit.metrics.boundary import blocks
from smoothkit.metrics.height_rows import expected_height_rows, height_rows, place_rows
from smoothkit.metrics.hierarchical import (
    average_distance,
    expected_height,
    hierarchical_errors,
    hierarchical_f,
    hierarchical_precision,
    mean_height,
    mistake_severity,
    near_decisions,
)
from smoothkit.metrics.hierarchy import Hierarchy, level_events
from tests.metrics import classifiers as random_classifiers

few_examples = settings(max_examples=25, deadline=None)

# Unequal depths: class 5 hangs from the root, class 4 from a node at depth 1.
UNEVEN = [[[0, 1], [2, 3], 4], 5]
EVEN = Hierarchy.from_tree([[[0, 1], [2, 3], [4]], [[5, 6], [7, 8, 9]]], 10)


classifier = partial(random_classifiers.classifier, classes=6)
classifiers = st.builds(classifier, rows=st.integers(1, 40), seed=st.integers(0, 2**31))


@pytest.fixture(scope="module")
def uneven() -> Hierarchy:
    return Hierarchy.from_tree(UNEVEN, 6)


# Published values. The tree is the one of the golden tables; precision and recall were computed by hiclass as well.


def test_golden_distances(overconfident):
    errors = hierarchical_errors(*overconfident, EVEN, k=5)
    assert float(errors.mistakes) == pytest.approx(731 / 2000, abs=1e-12)
    assert float(errors.severity) == pytest.approx(2.4199726402, abs=1e-10)
    assert float(errors.mean_height) == pytest.approx(0.8845, abs=1e-12)
    assert float(errors.distance[4]) == pytest.approx(1.9414, abs=1e-12)
    assert float(errors.mistake_distance[4]) == pytest.approx(1.9584131327, abs=1e-10)
    assert float(errors.precision[0]) == pytest.approx(0.7051666667, abs=1e-10)
    assert float(errors.precision[4]) == pytest.approx(0.6444268582, abs=1e-10)
    heights = EVEN.heights[overconfident[0].argmax(1), overconfident[1]]
    assert heights.bincount().tolist() == [1269, 101, 222, 408]


def test_golden_of_single_functions(overconfident):
    assert float(mistake_severity(*overconfident, EVEN)) == pytest.approx(2.4199726402, abs=1e-10)
    assert float(mean_height(*overconfident, EVEN)) == pytest.approx(0.8845, abs=1e-12)
    assert float(average_distance(*overconfident, EVEN, k=5)) == pytest.approx(1.9414, abs=1e-12)
    mistaken = average_distance(*overconfident, EVEN, k=5, over="mistakes")
    assert float(mistaken) == pytest.approx(1.9584131327, abs=1e-10)
    assert float(hierarchical_precision(*overconfident, EVEN, k=5)) == pytest.approx(0.6444268582, abs=1e-10)
    assert float(expected_height(*overconfident, EVEN)) == pytest.approx(1.0577909788, abs=1e-10)
    for value in hierarchical_f(*overconfident, EVEN):
        assert float(value) == pytest.approx(0.705166666667, abs=1e-12)


def test_golden_of_the_near_decision(overconfident):
    logits, labels = overconfident
    errors = hierarchical_errors(logits, labels, EVEN, decision="near")
    assert float(errors.mistakes) == pytest.approx(1 - 0.629, abs=1e-12)
    assert float(errors.severity) == pytest.approx(2.4002695418, abs=1e-10)
    assert float(errors.mean_height) == pytest.approx(0.8905, abs=1e-12)
    assert float((near_decisions(logits, EVEN) == labels).double().mean()) == pytest.approx(0.629, abs=1e-12)


@pytest.mark.parametrize(("level", "error"), [(1, 0.092993862437), (2, 0.058422194373), (3, 0.0)])
def test_golden_calibration_by_level(overconfident, level, error):
    events = level_events(*overconfident, EVEN, level)
    assert float(calibration_error_of(reliability_of(*events, bins=15))) == pytest.approx(error, abs=1e-10)


def test_level_zero_is_the_top_label(overconfident):
    events = level_events(*overconfident, EVEN, 0)
    error = float(expected_calibration_error(*overconfident))
    assert float(calibration_error_of(reliability_of(*events, bins=15))) == pytest.approx(error, abs=1e-12)


# Definitions.


@few_examples
@given(classifiers, st.integers(1, 6))
def test_definitions_in_loops(data, k):
    logits, labels = data
    tree = Hierarchy.from_tree(UNEVEN, 6)
    heights = tree.heights.tolist()
    every, wrong, gained, best = [], [], 0.0, 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        ranked = sorted(range(6), key=lambda index: -row[index])[:k]
        every.append(sum(heights[index][label] for index in ranked) / k)
        if ranked[0] != label:
            wrong.append(every[-1])
        gained += sum(1 - heights[index][label] / 3 for index in ranked)
        best += sum(sorted((1 - height / 3 for height in heights[label]), reverse=True)[:k])
    errors = hierarchical_errors(logits, labels, tree, k=k)
    assert float(errors.distance[-1]) == pytest.approx(sum(every) / len(every), abs=1e-12)
    expected = sum(wrong) / len(wrong) if wrong else math.nan
    assert float(errors.mistake_distance[-1]) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert float(errors.mistakes) == pytest.approx(len(wrong) / len(every), abs=1e-12)
    assert float(errors.precision[-1]) == pytest.approx(gained / best, abs=1e-12)


@few_examples
@given(classifiers)
def test_precision_and_recall_by_sets_of_ancestors(data):
    logits, labels = data
    # Nodes below the root, each class among its own.
    ancestors = [{0, "a", "A"}, {1, "a", "A"}, {2, "b", "A"}, {3, "b", "A"}, {4, "A"}, {5}]
    pairs = list(zip(logits.argmax(1).tolist(), labels.tolist(), strict=True))
    common = sum(len(ancestors[i] & ancestors[j]) for i, j in pairs)
    precision, recall, f = hierarchical_f(logits, labels, Hierarchy.from_tree(UNEVEN, 6))
    assert float(precision) == pytest.approx(common / sum(len(ancestors[i]) for i, _ in pairs), abs=1e-12)
    assert float(recall) == pytest.approx(common / sum(len(ancestors[j]) for _, j in pairs), abs=1e-12)
    if common:
        assert float(f) == pytest.approx(2 / (1 / float(precision) + 1 / float(recall)), abs=1e-12)
    else:
        assert float(f) == 0


@few_examples
@given(classifiers)
def test_the_near_decision_has_the_lowest_expected_height(data):
    logits, _ = data
    tree = Hierarchy.from_tree(UNEVEN, 6)
    risks = logits.softmax(1) @ tree.heights.double()
    chosen = near_decisions(logits, tree)
    assert torch.allclose(risks.gather(1, chosen[:, None]).squeeze(1), risks.amin(1), rtol=0, atol=2e-12)
    # The law itself as the label: what was minimised is what is measured.
    near = hierarchical_errors(logits, logits.softmax(1), tree, decision="near").mean_height
    assert float(near) == pytest.approx(float(risks.amin(1).mean()), abs=1e-11)
    assert float(near) <= float(mean_height(logits, logits.softmax(1), tree)) + 1e-12


@few_examples
@given(classifiers, st.integers(1, 6), st.sampled_from(["probable", "near"]), st.integers(0, 2**31))
def test_laws_of_all_measures(data, k, decision, seed):
    logits, labels = data
    tree = Hierarchy.from_tree(UNEVEN, 6)

    def measured(outputs: Tensor, labels: Tensor, **options: object) -> list[float]:
        errors = hierarchical_errors(outputs, labels, tree, k=k, decision=decision, **options)
        arrays = [errors.mistakes[None], errors.distance, errors.mistake_distance, errors.precision]
        arrays += [torch.stack(hierarchical_f(outputs, labels, tree, decision=decision, **options))]
        return torch.cat([*arrays, expected_height(outputs, labels, tree, **options)[None]]).tolist()

    expected = pytest.approx(measured(logits, labels), abs=1e-12, nan_ok=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    assert measured(logits[order], labels[order]) == expected
    assert measured(logits, F.one_hot(labels, 6).double()) == expected
    assert measured(logits.softmax(1), labels, from_logits=False) == expected
    padded = torch.cat([logits, logits[:1]]), torch.cat([labels, torch.tensor([-1])])
    assert measured(*padded, ignore_index=-1) == expected


@few_examples
@given(classifiers, st.integers(1, 6))
def test_a_soft_label_is_the_mean_over_the_classes_drawn_from_it(data, k):
    logits, _ = data
    tree, rows = Hierarchy.from_tree(UNEVEN, 6), len(logits)
    copies = logits.repeat_interleave(4, dim=0), torch.tensor([0, 2, 4, 5]).repeat(rows)
    soft = torch.tensor([[0.25, 0, 0.25, 0, 0.25, 0.25]]).double().repeat(rows, 1)
    hard, mixed = hierarchical_errors(*copies, tree, k=k), hierarchical_errors(logits, soft, tree, k=k)
    for name in ("mistakes", "distance", "mistake_distance", "precision"):
        assert getattr(mixed, name).tolist() == pytest.approx(getattr(hard, name).tolist(), abs=1e-12)
    assert float(expected_height(logits, soft, tree)) == pytest.approx(float(expected_height(*copies, tree)), abs=1e-12)
    expected = [float(value) for value in hierarchical_f(*copies, tree)]
    assert [float(value) for value in hierarchical_f(logits, soft, tree)] == pytest.approx(expected, abs=1e-12)


def test_rows_have_the_measures_as_their_means(uneven):
    logits, labels = classifier(50)
    (block,) = blocks("test", logits, labels)
    assert float(height_rows(block, uneven).mean()) == pytest.approx(float(mean_height(logits, labels, uneven)))
    expected = float(expected_height(logits, labels, uneven))
    assert float(expected_height_rows(block, uneven).mean()) == pytest.approx(expected)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_sums_of_the_rows_are_the_measures(uneven, k, soft):
    logits, labels = classifier(40)
    if soft:
        labels = torch.randn(40, 6, generator=torch.Generator().manual_seed(1)).double().softmax(1)
    errors = hierarchical_errors(logits, labels, uneven, k=k)
    (block,) = blocks("rows", logits, labels)
    rows = place_rows(block, uneven, k)
    assert float(rows.distance.mean()) == pytest.approx(float(errors.distance[-1]))
    assert float(rows.mistake.mean()) == pytest.approx(float(errors.mistakes))
    assert float(rows.mistake_distance.sum() / rows.mistake.sum()) == pytest.approx(float(errors.mistake_distance[-1]))
    assert float(rows.similarity.sum() / rows.best_similarity.sum()) == pytest.approx(float(errors.precision[-1]))


def test_all_right_has_no_severity_and_no_distance(uneven):
    errors = hierarchical_errors(torch.eye(6), torch.arange(6), uneven, k=2)
    assert errors.severity.isnan()
    assert float(errors.mistakes) == float(errors.mean_height) == 0
    assert float(errors.precision[0]) == 1


def test_a_uniform_prediction_is_tied_throughout():
    # Every class and every group is as probable as another, so the first is taken; heights tie in the even half.
    tree = Hierarchy.from_tree([[0, 1], [2, 3], [4, 5]], 6)
    for rows in (1, 3, 64):
        logits, labels = torch.zeros(rows, 6), torch.zeros(rows, dtype=torch.int64)
        assert near_decisions(logits, tree).tolist() == [0] * rows
        events = level_events(logits, labels, tree, 1)
        assert events.correctness.tolist() == [1.0] * rows
        assert events.confidence.tolist() == pytest.approx([1 / 3] * rows)
        # Classes 0, 1, 2 are first: heights 0, 1, 2.
        assert hierarchical_errors(logits, labels, tree, k=3).distance.tolist() == [0, 0.5, 1]


def test_rounding_breaks_no_ties():
    # Nine classes in threes, all equally probable: every class has the same expected height.
    tree = Hierarchy.from_tree([[0, 1, 2], [3, 4, 5], [6, 7, 8]], 9)
    assert near_decisions(torch.zeros(1, 9), tree).tolist() == [0]
    # 0.1 + 0.2 is more than 0.3 in floating point.
    tree = Hierarchy.from_tree([[0], [1, 2], [3], [4]], 5)
    probs = torch.tensor([[0.3, 0.1, 0.2, 0.2, 0.2]], dtype=torch.float64)
    assert level_events(probs, torch.tensor([0]), tree, 1, from_logits=False).correctness.tolist() == [1]


# Faults.


def test_faults_are_named(uneven):
    logits, labels = classifier(5)
    with pytest.raises(ValueError, match=r"mistake_severity: the tree holds 6 classes, the outputs 3"):
        mistake_severity(torch.zeros(2, 3), torch.tensor([0, 1]), uneven)
    for k in (0, 7):
        with pytest.raises(ValueError, match=rf"average_distance: k must lie in 1\.\.6, .* got {k}"):
            average_distance(logits, labels, uneven, k=k)
    logits[3, 1] = math.nan
    for name, measure in (("hierarchical_precision", hierarchical_precision), ("expected_height", expected_height)):
        with pytest.raises(ValueError, match=rf"^{name}: .*hold NaN"):
            measure(logits, labels, uneven)
    with pytest.raises(ValueError, match=r"^near_decisions: .*hold NaN"):
        near_decisions(logits, uneven)
