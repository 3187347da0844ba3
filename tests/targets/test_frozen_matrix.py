"""PT-LS++: a learned matrix, frozen."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.testing import assert_close

from smoothkit.config import option_model
from smoothkit.targets import LabelSmoothing, LabelSmoothingPP
from smoothkit.targets.frozen import FrozenMatrix
from tests.core.checkpoints import save_checkpoint

C = [[0.0, 0.8, 0.2], [0.5, 0.0, 0.5], [0.1, 0.9, 0.0]]


@pytest.fixture
def learned():
    """A finished LS++ target of four classes."""
    target = LabelSmoothingPP(4, 0.2)
    with torch.no_grad():
        target.theta += torch.arange(12.0).reshape(4, 3) / 5
    return target


def test_the_target_is_the_label_and_a_row_of_c():
    target = FrozenMatrix(3, C, 0.3)
    assert_close(target.matrix(), 0.7 * torch.eye(3) + 0.3 * torch.tensor(C))
    assert_close(FrozenMatrix(3, torch.tensor(C), 0.3).matrix(), target.matrix())
    assert_close(target.matrices()["C"], torch.tensor(C))


def test_limits():
    assert_close(FrozenMatrix(3, C, 0.0).matrix(), torch.eye(3))
    assert_close(FrozenMatrix(3, C, 1.0).matrix(), torch.tensor(C))
    even = (torch.ones(4, 4) - torch.eye(4)) / 3
    assert_close(FrozenMatrix(4, even, 0.2).matrix(), LabelSmoothing(4, 0.2, "others").matrix())
    assert_close(FrozenMatrix(2, [[0.0, 1.0], [1.0, 0.0]], 0.2).matrix(), LabelSmoothing(2, 0.2, "others").matrix())


def test_the_checkpoint_of_a_run_is_read(learned, tmp_path):
    """The state as a run writes it; the target it gives is that of the finished run."""
    save_checkpoint(
        tmp_path, {"step": 9, "tracked": {"model": nn.Linear(2, 4).state_dict(), "target": learned.state_dict()}}
    )
    for path in (tmp_path, tmp_path / "checkpoint" / "state.pt"):
        assert_close(FrozenMatrix(4, path, 0.2).matrix(), learned.matrix())
    assert_close(FrozenMatrix(4, tmp_path, 0.5).matrix(), 0.5 * torch.eye(4) + 0.5 * learned.C.detach())


def test_a_target_around_ls_is_looked_into(learned, tmp_path):
    inside = {f"inner.wrapped.{name}": value for name, value in learned.state_dict().items()}
    save_checkpoint(tmp_path, {"tracked": {"target": inside}})
    assert_close(FrozenMatrix(4, tmp_path, 0.2).matrix(), learned.matrix())


def test_a_plain_state_dict_is_read(learned, tmp_path):
    torch.save(learned.state_dict(), tmp_path / "ls.pt")
    assert_close(FrozenMatrix(4, tmp_path / "ls.pt", 0.2).matrix(), learned.matrix())
    torch.save(learned.half().state_dict(), tmp_path / "half.pt")
    assert FrozenMatrix(4, tmp_path / "half.pt").matrix().dtype == torch.float32


def test_c_is_saved_and_never_trained():
    target, other = FrozenMatrix(3, C), FrozenMatrix(3, (torch.ones(3, 3) - torch.eye(3)) / 2)
    assert list(target.parameters()) == []
    assert list(target.state_dict()) == ["C"]
    other.load_state_dict(target.state_dict())
    assert_close(other.matrix(), target.matrix())


def test_alpha_can_change_while_training():
    target = FrozenMatrix(3, C, 0.1)
    target.alpha = 0.4
    target.check_options()
    assert_close(target.matrix(), FrozenMatrix(3, C, 0.4).matrix())


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.0, 1.0], [1.0, 0.0]], r"C: matrix has shape \(2, 2\); expected \(labels, 3\)"),
        ([[0.0, 0.5, 0.4], *C[1:]], r"C: matrix row 0 sums to 0.9; expected 1"),
        ([[0.0, 1.5, -0.5], *C[1:]], r"C: matrix row 0 holds -0.5"),
        ([*C, C[0]], r"C has 4 rows; expected 3, one for each class"),
        ([C[0], [0.5, 0.25, 0.25], C[2]], r"C holds 0.25 for class 1 itself; expected 0.*'matrix'"),
    ],
)
def test_a_wrong_matrix_is_named(matrix, message):
    with pytest.raises(ValueError, match=message):
        FrozenMatrix(3, matrix)


def test_a_wrong_alpha_is_named():
    with pytest.raises(ValueError, match=r"alpha is 1.5; expected a number from 0 to 1"):
        FrozenMatrix(3, C, 1.5)


def test_a_file_without_a_matrix_is_named(learned, tmp_path):
    def message(path, num_classes=4):
        with pytest.raises(ValueError, match=r"^C is ") as caught:
            FrozenMatrix(num_classes, path)
        return str(caught.value)

    assert "there is no such file or folder" in message(tmp_path / "nowhere.pt")
    assert "the folder has no checkpoint/state.pt; expected that of a run" in message(tmp_path)
    (tmp_path / "text.pt").write_text("not a tensor")
    assert "cannot be read as tensors saved by torch" in message(tmp_path / "text.pt")
    (tmp_path / "empty.pt").touch()
    assert "cannot be read as tensors saved by torch" in message(tmp_path / "empty.pt")
    torch.save(learned.state_dict(), tmp_path / "ls.pt")
    assert "theta has shape (4, 3); expected (5, 4) for 5 classes" in message(tmp_path / "ls.pt", 5)
    torch.save({"weight": torch.ones(2)}, tmp_path / "other.pt")
    assert "expected one theta, the parameter of 'ls++'" in message(tmp_path / "other.pt")
    assert message(tmp_path / "other.pt").endswith("there is none")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    assert message(tmp_path / "list.pt").endswith("there is none")
    torch.save({"a.theta": torch.ones(4, 3), "b.theta": torch.ones(4, 3)}, tmp_path / "two.pt")
    assert message(tmp_path / "two.pt").endswith("there is several, a.theta, b.theta")
    save_checkpoint(tmp_path / "run", {"tracked": {"model": {"theta": torch.ones(4, 3)}}})
    assert message(tmp_path / "run").endswith("there is none")


def test_the_repr_gives_the_size_of_c():
    assert repr(FrozenMatrix(3, C, 0.1)).startswith("FrozenMatrix(num_classes=3, C='3 x 3', alpha=0.1, true_mass=0.9")


def test_a_scenario_file_can_hold_a_path_or_a_matrix():
    model = option_model(FrozenMatrix, frozenset({"num_classes", "num_samples"}))
    by_path = model.model_validate_json('{"C": "runs/ls++"}', strict=True)
    by_matrix = model.model_validate_json(f'{{"C": {C}}}', strict=True)
    assert (Path("runs/ls++"), C) == (by_path.C, by_matrix.C)
    kinds = [each["type"] for each in model.model_json_schema()["properties"]["C"]["anyOf"]]
    assert kinds == ["string", "array"]
    with pytest.raises(ValidationError):
        model.model_validate_json('{"C": 3}', strict=True)
