"""Class matrices of one's own, and one-hot as the identity."""

import pytest
import torch
from pydantic import create_model
from torch.testing import assert_close

from smoothkit.targets import ClassMatrix, LabelSmoothing, OneHot
from smoothkit.targets.matrix import MatrixLike

ORDINAL = [[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]]


def test_the_target_is_the_row():
    target = ClassMatrix(3, ORDINAL)
    labels = torch.tensor([[2, 0], [1, 2]])
    assert_close(target.distribution(labels).movedim(1, -1), torch.tensor(ORDINAL)[labels])
    assert_close(target.matrix(), torch.tensor(ORDINAL))


def test_a_soft_label_mixes_the_rows():
    soft = torch.tensor([[0.5, 0.25, 0.25]])
    assert_close(ClassMatrix(3, ORDINAL).distribution(soft), soft @ torch.tensor(ORDINAL))


def test_autocast_does_not_round_the_target():
    soft = torch.tensor([[1 / 3, 1 / 3, 1 / 3]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = ClassMatrix(3, ORDINAL).distribution(soft)
    assert_close(mixed, soft @ torch.tensor(ORDINAL), rtol=0, atol=1e-7)


def test_more_label_symbols_than_outcomes():
    """A hybrid of the two classes: its optimum has equal logits."""
    target = ClassMatrix(2, [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    logits = torch.zeros(1, 2, requires_grad=True)
    target(logits, torch.tensor([2])).backward()
    assert_close(logits.grad, torch.zeros(1, 2))
    assert target.num_labels == 3
    assert target.true_mass() is None
    assert target.margin() is None
    assert repr(target) == "ClassMatrix(num_classes=2, matrix='3 x 2')"
    weight = torch.tensor([1.0, 1.0, 4.0])
    losses = target(torch.zeros(3, 2), torch.arange(3), weight, "none")
    assert_close(losses, weight * torch.tensor(2.0).log())


def test_rows_that_differ_show_the_span():
    target = ClassMatrix(2, [[0.9, 0.1], [0.0, 1.0]])
    assert repr(target) == "ClassMatrix(num_classes=2, matrix='2 x 2', true_mass=0.9 to 1, margin=2.197 to inf)"


def test_a_label_whose_target_prefers_another_class_has_a_negative_margin():
    assert ClassMatrix(2, [[0.25, 0.75], [0.5, 0.5]]).margin().tolist() == pytest.approx([-1.098612, 0])


def test_a_tensor_is_taken_with_its_precision_and_without_its_graph():
    learned = torch.eye(3, dtype=torch.float64, requires_grad=True)
    target = ClassMatrix(3, learned)
    assert target.matrix().dtype == torch.float64
    assert not target.matrix().requires_grad


def test_the_matrix_is_saved_and_never_trained():
    target = ClassMatrix(3, ORDINAL)
    assert list(target.state_dict()) == ["entries"]
    assert target.parameter_groups() == []
    restored = ClassMatrix(3, torch.eye(3))
    restored.load_state_dict(target.state_dict())
    assert_close(restored.matrix(), target.matrix())


def test_rounded_thirds_are_divided_by_their_sum():
    rows = ClassMatrix(3, [[0.33333, 0.33333, 0.33333]]).matrix()
    assert_close(rows, torch.full((1, 3), 1 / 3), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, 0.5], [0.9, 0.2]], "matrix row 1 sums to 1.1; expected 1"),
        ([[1.5, -0.5], [0.0, 1.0]], "matrix row 0 holds -0.5; expected probabilities"),
        ([[float("nan"), 1.0]], "matrix row 0 holds nan"),
        ([[1.0, 0.0, 0.0]], r"matrix has shape \(1, 3\); expected \(labels, 2\)"),
        ([[1.0, 0.0], [1.0]], r"rows of different lengths \[1, 2\]"),
        ([], r"matrix has shape \(0,\)"),
    ],
)
def test_what_is_no_class_matrix_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        ClassMatrix(2, matrix)


def test_its_annotation_validates_a_file_and_a_tensor():
    options = create_model("Options", matrix=(MatrixLike, ...))
    assert options.model_validate({"matrix": [[1, 0], [0.5, 0.5]]}).model_dump() == {"matrix": [[1.0, 0.0], [0.5, 0.5]]}
    assert options.model_validate({"matrix": torch.eye(2)}).model_dump()["matrix"].shape == (2, 2)
    assert options.model_json_schema()["properties"]["matrix"]["type"] == "array"


def test_torch_has_no_weights_for_label_symbols():
    with pytest.raises(ValueError, match="weight_mode is 'torch' with 3 labels for 2 classes"):
        ClassMatrix(2, [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], weight_mode="torch")


@pytest.mark.parametrize("target", [OneHot(4), LabelSmoothing(4, 0.3), LabelSmoothing(4, 0.3, "others")], ids=repr)
def test_fixed_targets_equal_their_own_matrix(target):
    matrix = target.matrix()
    assert_close(target.distribution(torch.arange(4)), matrix)
    assert_close(target.true_mass(), matrix.diagonal())
    assert_close(target.margin(), ClassMatrix(4, matrix).margin())
