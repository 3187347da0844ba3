"""What a target accepts and refuses, and where it can be used."""

import ast
import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import smoothkit.targets
from smoothkit.targets import ClassMatrix, LabelSmoothing, LabelSmoothingPP, OneHot, OnlineLabelSmoothing, Target
from smoothkit.targets.options import check_choice, check_range

K = 4
MATRIX = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.0, 0.0, 1.0, 0.0], [0.1, 0.1, 0.1, 0.7]]
FIXED = [OneHot(K), LabelSmoothing(K), LabelSmoothing(K, 0.1, "others"), ClassMatrix(K, MATRIX)]
STATEFUL = [LabelSmoothingPP(K), OnlineLabelSmoothing(K)]


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (torch.zeros(3), torch.zeros(3, dtype=torch.long), r"logits have shape \(3,\); expected \(N, 4\)"),
        (torch.zeros(3, 5), torch.zeros(3, dtype=torch.long), r"logits have shape \(3, 5\); expected \(N, 4\)"),
        (torch.zeros(3, K).long(), torch.zeros(3, dtype=torch.long), "logits have dtype torch.int64"),
        (
            torch.zeros(3, K),
            torch.zeros(2, dtype=torch.long),
            r"index labels \(torch.int64\) have shape \(2,\); expected \(3\) for logits of shape \(3, 4\)",
        ),
        (
            torch.zeros(3, K),
            torch.zeros(3, K, dtype=torch.long),
            r"index labels \(torch.int64\) have shape \(3, 4\); expected \(3\) for logits of shape \(3, 4\)",
        ),
        (
            torch.zeros(3, K),
            torch.zeros(3),
            r"soft labels \(torch.float32\) have shape \(3,\); expected \(3, 4\) for logits of shape \(3, 4\)",
        ),
        (
            torch.zeros(3, K, 2, 2),
            torch.zeros(3, 2, dtype=torch.long),
            r"have shape \(3, 2\); expected \(3, 2, 2\) for logits of shape \(3, 4, 2, 2\)",
        ),
        (torch.zeros(3, K), torch.zeros(3, dtype=torch.bool), "labels have dtype torch.bool"),
    ],
)
def test_shapes_that_do_not_fit_are_named(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        OneHot(K)(logits, labels)


def test_a_weight_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match=r"weight has shape \(3,\); expected \(4,\)"):
        OneHot(K)(torch.zeros(2, K), torch.tensor([0, 1]), torch.ones(3))


def test_a_distribution_needs_fitting_labels():
    with pytest.raises(ValueError, match=r"soft labels .* have shape \(2, 3\); expected \(N, 4, \.\.\.\)"):
        OneHot(K).distribution(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"labels hold 9; expected 0 to 3, or ignore_index -100"):
        OneHot(K).distribution(torch.tensor([1, 9]))


def test_the_dtype_decides_what_labels_are_even_where_the_shape_does_not():
    """Four classes on a line of four pixels: both kinds of label could be meant."""
    logits = torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(16).reshape(4, 4) % 4
    soft = torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()
    assert_close(OneHot(4)(logits, labels, reduction="none"), OneHot(4)(logits, soft, reduction="none"))


def test_one_class_is_no_classifier():
    with pytest.raises(ValueError, match="num_classes is 1; expected 2 or more"):
        OneHot(1)


def test_choices_and_ranges_name_what_is_wrong():
    with pytest.raises(ValueError, match="convention is 'some'; expected one of 'all', 'others'"):
        check_choice("convention", "some", ("all", "others"))
    with pytest.raises(ValueError, match="scale is inf; expected a number of at least 0"):
        check_range("scale", float("inf"), 0.0)


def test_true_is_no_smoothing():
    """torch takes True for 1.0 (pytorch#134767)."""
    with pytest.raises((ValueError, TypeError)):
        LabelSmoothing(K, True)


@pytest.mark.parametrize("target", FIXED + STATEFUL, ids=repr)
def test_a_batch_of_one(target):
    assert target(torch.zeros(1, K), torch.tensor([3])).isfinite()


@pytest.mark.parametrize("target", FIXED + STATEFUL, ids=repr)
def test_an_ignored_row_may_hold_anything_that_is_finite_or_masked(target):
    logits = torch.zeros(2, K)
    logits[1, 0] = -torch.inf
    logits[1, 1] = 3e38
    logits.requires_grad_()
    loss = target(logits, torch.tensor([2, -100]))
    assert_close(loss, target(logits[:1], torch.tensor([2])))
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


@pytest.mark.parametrize("target", FIXED + STATEFUL, ids=repr)
def test_it_can_be_copied(target):
    logits, labels = torch.randn(3, K), torch.tensor([0, 1, 2])
    assert_close(copy.deepcopy(target)(logits, labels), target(logits, labels))


@pytest.mark.parametrize("target", FIXED, ids=repr)
def test_it_can_be_differentiated_twice(target):
    logits = torch.randn(2, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([1, 3])
    assert torch.autograd.gradgradcheck(lambda z: target.double()(z, labels), (logits,))


def test_the_hessian_does_not_depend_on_the_target():
    """diag(p) - p p^T: smoothing makes the loss no smoother in the sense of Lipschitz gradients."""
    logits = torch.randn(1, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(dim=1)[0]
    for target in FIXED:
        hessian = torch.autograd.functional.hessian(lambda z, target=target: target(z, torch.tensor([1])), logits)
        assert_close(hessian.reshape(K, K), p.diag() - p.outer(p), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("target", FIXED + STATEFUL, ids=repr)
def test_gradients_per_sample_through_functional_transforms(target):
    logits = torch.randn(5, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0])
    per_sample = torch.func.vmap(torch.func.grad(lambda z, y: target(z.unsqueeze(0), y.unsqueeze(0))))(logits, labels)
    expected = logits.softmax(dim=1) - target.distribution(labels, logits)
    assert_close(per_sample, expected, rtol=1e-6, atol=1e-6)


def test_autocast_changes_nothing():
    logits, labels = torch.randn(5, K), torch.randint(K, (5,))
    soft = torch.rand(5, K).softmax(dim=1)
    for target in FIXED + STATEFUL:
        for answer in (labels, soft):
            expected = target(logits, answer)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                assert_close(target(logits, answer), expected, rtol=0, atol=0)


@pytest.mark.parametrize("target", FIXED + STATEFUL, ids=repr)
def test_no_value_is_read_off_the_cpu(target):
    """Reading one would stall a GPU. Tensors on the meta device have no values, and reading one raises."""
    target = copy.deepcopy(target).to("meta")
    logits = torch.zeros(3, K, device="meta", requires_grad=True)
    labels = torch.zeros(3, dtype=torch.long, device="meta")
    target(logits, labels, torch.ones(K, device="meta")).backward()
    target.distribution(labels, logits)
    target.update(logits, labels)
    target.end_epoch()


def test_a_target_without_a_distribution_says_so():
    class Penalty(Target):
        def row_loss(self, rows):
            return rows.logits.square().sum(dim=1)

    assert Penalty(K)(torch.ones(2, K), torch.tensor([0, 1])).item() == K
    with pytest.raises(NotImplementedError, match="Penalty is not defined by a target distribution"):
        Penalty(K).distribution(torch.tensor([0]))


def test_the_package_uses_nothing_else_of_smoothkit():
    for file in Path(smoothkit.targets.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
                ours = [name for name in names if name.startswith("smoothkit")]
                assert all(name.startswith("smoothkit.targets.") for name in ours), file


# In a process of its own: the shape checking of the test run cannot be compiled.
COMPILED = """
import torch
from smoothkit.targets import ClassMatrix, LabelSmoothing, LabelSmoothingPP, OneHot, OnlineLabelSmoothing

logits = torch.randn(6, 4, requires_grad=True)
labels = torch.tensor([0, 1, 2, 3, -100, 1])
soft = torch.rand(6, 4)
targets = [OneHot(4), LabelSmoothing(4), ClassMatrix(4, LabelSmoothing(4).matrix()), LabelSmoothingPP(4)]
for target in [*targets, OnlineLabelSmoothing(4)]:
    compiled = torch.compile(target, fullgraph=True)
    for answer in (labels, soft):
        # Recompilations are counted for the code that the targets share, whichever target is compiled.
        torch.compiler.reset()
        eager_loss, loss = target(logits, answer), compiled(logits, answer)
        torch.testing.assert_close(loss, eager_loss)
        a, b = (torch.autograd.grad(value, logits)[0] for value in (eager_loss, loss))
        torch.testing.assert_close(a, b)
"""


# That they become one graph, without the compiler behind it, test_loss_paths.py tests more quickly.
@pytest.mark.slow
def test_it_compiles_into_one_graph():
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
