"""A target called as a user calls it: small and large batches take other paths and give the same numbers."""

import subprocess
import sys
import threading

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from smoothkit.targets import ClassMatrix, LabelSmoothing, LabelSmoothingPP, MaxSup, OneHot, base
from smoothkit.targets.loss import blocked

K = 6
MATRIX = torch.randn(K, K, generator=torch.Generator().manual_seed(7), dtype=torch.float64).softmax(dim=1)
TARGETS = {
    "onehot": lambda **o: OneHot(K, **o),
    "ls": lambda **o: LabelSmoothing(K, 0.2, **o),
    "matrix": lambda **o: ClassMatrix(K, MATRIX, **o).double(),
    "ls++": lambda **o: LabelSmoothingPP(K, 0.2, **o).double(),
    "maxsup": lambda **o: MaxSup(K, **o),
}
MASSES = {"onehot": torch.eye(K, dtype=torch.float64), "matrix": MATRIX}
MASSES["ls"] = 0.8 * MASSES["onehot"] + 0.2 / K
MASSES["ls++"] = 0.8 * MASSES["onehot"] + 0.2 / (K - 1) * (1 - MASSES["onehot"])
EXACT = {"rtol": 1e-12, "atol": 1e-14}

names = pytest.mark.parametrize("name", list(TARGETS))
plain_names = pytest.mark.parametrize("name", list(MASSES))


@pytest.fixture(params=["quick", "one block", "blocks"])
def path(request, monkeypatch):
    """Each path that a batch on a CPU can take by its size."""
    monkeypatch.setattr(blocked, "_kept", threading.local())
    if request.param != "quick":
        monkeypatch.setattr(base, "QUICK_SIZE", -1)
    monkeypatch.setattr(blocked, "BLOCK", 20 if request.param == "blocks" else 2**17)
    return request.param


def batch(rows=11, spatial=(), dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(rows, K, *spatial, generator=generator, dtype=torch.float64)
    return logits.to(dtype).requires_grad_(), torch.randint(K, (rows, *spatial), generator=generator)


def target_of(name, z, labels):
    """The target of each row, from the definition."""
    if name == "maxsup":
        # The default presses with strength lam on the largest logit: t = e_y - lam (e_max - 1/K).
        lam = TARGETS[name]().alpha
        return torch.eye(K, dtype=torch.float64)[labels] - lam * (F.one_hot(z.argmax(dim=1), K).double() - 1 / K)
    return MASSES[name][labels]


def formula(name, logits, labels, weight=None, reduction="mean", mode="sample", ignore_index=-100):
    """Losses and their gradient, pixel by pixel, from ``-sum t log p`` and ``sum(t) p - t``."""
    z = logits.detach().double().movedim(1, -1).reshape(-1, K)
    flat = labels.reshape(-1)
    kept = (flat != ignore_index).double()
    index = flat.where(flat != ignore_index, 0)
    counts = kept if weight is None else kept * weight[index]
    t = target_of(name, z, index)
    if weight is not None and mode == "torch":
        t, column = t * weight, kept
    else:
        column = counts
    divisor = counts.sum() if reduction == "mean" and counts.sum() > 0 else 1.0
    losses = -column * (t * z.log_softmax(dim=1)).sum(dim=1) / divisor
    gradient = column.unsqueeze(1) * (t.sum(dim=1, keepdim=True) * z.softmax(dim=1) - t) / divisor
    shape = (logits.shape[0], *logits.shape[2:])
    value = losses.reshape(shape) if reduction == "none" else losses.sum()
    return value, gradient.reshape(*shape, K).movedim(-1, 1)


def check(target, name, logits, labels, weight=None, reduction="mean", tolerance=EXACT, **options):
    loss = target(logits, labels, weight, reduction)
    value, gradient = formula(name, logits, labels, weight, reduction, **options)
    assert_close(loss.double(), value, **tolerance)
    assert_close(torch.autograd.grad(loss.sum(), logits)[0].double(), gradient, **tolerance)


# --- reductions, weights, rows to ignore ------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("mode", [None, "sample", "torch"])
@pytest.mark.parametrize("ignore_index", [-100, -1, 2])
@plain_names
def test_rows_to_ignore_and_weights_of_classes(path, name, ignore_index, mode, reduction):
    logits, labels = batch()
    labels[[0, 4, 10]] = ignore_index
    weight = None if mode is None else torch.linspace(0.3, 2, K, dtype=torch.float64)
    mode = mode or "sample"
    target = TARGETS[name](ignore_index=ignore_index, weight_mode=mode)
    if name == "maxsup" and mode == "torch":
        return
    check(target, name, logits, labels, weight, reduction, mode=mode, ignore_index=ignore_index)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("spatial", [(1,), (3,), (2, 2)], ids=str)
@names
def test_pixels(path, name, spatial, reduction):
    logits, labels = batch(4, spatial)
    labels[1] = -100
    check(TARGETS[name](), name, logits, labels, None, reduction)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int8, torch.uint8], ids=str)
@names
def test_labels_of_any_integer_type(path, name, dtype):
    logits, labels = batch()
    target = TARGETS[name](ignore_index=100)
    assert_close(target(logits, labels.to(dtype)), target(logits, labels), **EXACT)
    labels[3] = 100
    assert_close(target(logits, labels.to(dtype)), target(logits, labels), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("logits_dtype", [torch.float64, torch.float32], ids=str)
@plain_names
def test_soft_labels_of_any_type(path, name, logits_dtype, weighted, dtype):
    logits, _ = batch(dtype=logits_dtype)
    soft = torch.rand(11, K, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    soft[[2, 5]] = 0
    weight = torch.linspace(0.3, 2, K, dtype=torch.float64) if weighted else None
    ours = TARGETS[name]()(logits, soft, weight)
    kept = soft.double()
    counts = (kept if weight is None else kept * weight).sum(dim=1) if weighted else (kept.sum(dim=1) > 0).double()
    z = logits.detach().double()
    value = -(counts * ((kept @ MASSES[name]) * z.log_softmax(dim=1)).sum(dim=1)).sum() / counts.sum()
    t = kept @ MASSES[name]
    gradient = (counts / counts.sum()).unsqueeze(1) * (t.sum(dim=1, keepdim=True) * z.softmax(dim=1) - t)
    # Labels of 32 bits or less may be smoothed in 32 bits.
    exact = logits_dtype == dtype == torch.float64
    tolerance = {"rtol": 1e-11, "atol": 1e-12} if exact else {"rtol": 1e-5, "atol": 1e-6}
    assert_close(ours.double(), value, **tolerance)
    assert_close(torch.autograd.grad(ours, logits)[0].double(), gradient, **tolerance)


@names
def test_nothing_to_learn_is_zero_and_no_gradient(path, name):
    target = TARGETS[name]()
    for rows in (0, 5):
        for answer in (torch.full((rows,), -100), torch.zeros(rows, K)):
            logits, _ = batch(rows)
            if answer.is_floating_point() and target.index_labels_only:
                continue
            for reduction in ("mean", "sum", "none"):
                loss = target(logits, answer, reduction=reduction)
                assert loss.count_nonzero() == 0
                assert loss.shape == ((rows,) if reduction == "none" else ())
                assert torch.autograd.grad(loss.sum(), logits)[0].count_nonzero() == 0


# --- what is refused --------------------------------------------------------------------------------------------------

WRONG = (-1, K, -K, 10**9, torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max)


@pytest.mark.parametrize("label", [*WRONG, -100])
@names
def test_a_wrong_label_is_refused_and_never_taken_from_the_end(path, name, label):
    """NaN made an integer is the smallest one there is, so that comes up too."""
    logits, labels = batch()
    labels[3] = label
    target = TARGETS[name](ignore_index=-7 if label == -100 else -100)
    with pytest.raises(ValueError, match=f"labels hold {label}; expected 0 to 5, or ignore_index"):
        target(logits, labels)
    labels[4] = target.ignore_index
    with pytest.raises(ValueError, match=f"labels hold {label}; expected 0 to 5, or ignore_index"):
        target(logits, labels)


@pytest.mark.parametrize(("rows", "classes"), [(40, 300), (3000, 120)])
@pytest.mark.parametrize("label", [-1, -100, 300, torch.iinfo(torch.int64).min])
@pytest.mark.parametrize("make", [OneHot, LabelSmoothing, LabelSmoothingPP, MaxSup])
def test_a_wrong_label_among_many_classes(make, label, rows, classes):
    target = make(classes, ignore_index=-7)
    labels = torch.zeros(rows, dtype=torch.int64)
    labels[-1] = label
    with pytest.raises(ValueError, match=f"labels hold {label}"):
        target(torch.zeros(rows, classes), labels)


# --- numbers at the edge ----------------------------------------------------------------------------------------------


@plain_names
def test_masked_classes_carry_no_mass(path, name):
    logits, labels = batch()
    allowed = torch.rand(11, K, generator=torch.Generator().manual_seed(1)) < 0.6
    allowed.scatter_(1, labels.unsqueeze(1), True)
    masked = logits.detach().masked_fill(~allowed, -torch.inf).requires_grad_()
    t = MASSES[name][labels] * allowed
    t = t / t.sum(dim=1, keepdim=True)
    z = masked.detach()
    value = -(t * z.log_softmax(dim=1).masked_fill(~allowed, 0)).sum() / 11
    loss = TARGETS[name]()(masked, labels)
    gradient = torch.autograd.grad(loss, masked)[0]
    assert_close(loss, value, **EXACT)
    assert_close(gradient, (z.softmax(dim=1) - t) / 11, **EXACT)
    assert gradient[~allowed].count_nonzero() == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@names
def test_undefined_logits_give_an_undefined_loss_and_no_crash(path, name, bad):
    logits, labels = batch()
    with torch.no_grad():
        logits[2, 1] = bad
    for reduction in ("mean", "none"):
        loss = TARGETS[name]()(logits, labels, reduction=reduction)
        assert (loss if reduction == "mean" else loss[2]).isnan() or (bad > 0 and loss.isinf().any())
        torch.autograd.grad(loss.sum(), logits)


@plain_names
def test_huge_logits(path, name):
    """Up to 1e30 in float32; the losses are as large, and finite."""
    for size in (1e2, 1e4, 1e30):
        logits = (size * batch()[0].detach()).float().requires_grad_()
        labels = batch()[1]
        tolerance = {"rtol": 1e-5, "atol": 1e-6}
        check(TARGETS[name]().float(), name, logits, labels, tolerance=tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("rows", [2, 32])
def test_half_precision_with_many_classes_is_finite(dtype, rows):
    """torch gives inf for float16: the sum over 50,000 classes overflows."""
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(rows, 50000, generator=generator)).to(dtype).requires_grad_()
    labels = torch.randint(50000, (rows,), generator=generator)
    loss = LabelSmoothing(50000, 0.1)(logits, labels)
    expected = F.cross_entropy(logits.double(), labels, label_smoothing=0.1)
    assert loss.dtype == torch.float32
    assert_close(loss.double(), expected, rtol=1e-6, atol=0)
    gradient, exact = (torch.autograd.grad(x, logits)[0] for x in (loss, expected))
    assert_close(gradient, exact)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@names
def test_less_than_double_precision(path, name, dtype):
    logits, labels = batch(dtype=dtype)
    if name == "maxsup" and dtype != torch.float32:
        # A second largest logit may be as large after rounding.
        logits = (logits.detach() + 8 * F.one_hot(labels, K)).to(dtype).requires_grad_()
    rtol = {torch.float32: 1e-5, torch.bfloat16: 2**-7, torch.float16: 2**-9}[dtype]
    loss = TARGETS[name]().float()(logits, labels)
    value, gradient = formula(name, logits, labels)
    assert loss.dtype == torch.float32
    assert_close(loss.double(), value, rtol=1e-5, atol=1e-6)
    ours = torch.autograd.grad(loss, logits)[0]
    assert ours.dtype == dtype
    assert_close(ours.double(), gradient, rtol=rtol, atol=1e-6)


# --- how a loss is used -----------------------------------------------------------------------------------------------


@names
def test_without_gradients(path, name):
    logits, labels = batch()
    target = TARGETS[name]()
    value = formula(name, logits, labels)[0]
    with torch.no_grad():
        assert not target(logits, labels).requires_grad
        assert_close(target(logits, labels), value, **EXACT)
    with torch.inference_mode():
        for given in (logits, logits * 1):
            assert_close(target(given, labels).clone(), value, **EXACT)
    learns = any(p.requires_grad for p in target.parameters())
    assert target(logits.detach(), labels).requires_grad == learns
    # And afterwards everything is as before.
    check(target, name, logits, labels)


@names
def test_several_losses_of_the_same_logits(path, name):
    logits, labels = batch()
    target, other = TARGETS[name](), LabelSmoothing(K, 0.5)
    one = formula(name, logits, labels)[1]
    two = torch.autograd.grad(other(logits, labels.flip(0)), logits)[0]
    (target(logits, labels) + other(logits, labels.flip(0))).backward()
    assert_close(logits.grad, one + two, **EXACT)
    logits.grad = None
    (target(logits, labels) / 4).backward()
    assert_close(logits.grad, one / 4, **EXACT)
    logits.grad = None
    target(logits, labels).backward(gradient=torch.tensor(-2.0, dtype=torch.float64))
    assert_close(logits.grad, -2 * one, **EXACT)
    logits.grad = None
    loss = target(logits, labels)
    loss.backward(retain_graph=True)
    logits.grad.zero_()
    loss.backward()
    assert_close(logits.grad, one, **EXACT)


@names
def test_logits_or_labels_changed_in_place_give_no_wrong_gradient(path, name):
    logits, labels = batch()
    expected = formula(name, logits, labels)[1]
    target = TARGETS[name]()
    hidden = logits * 1
    loss = target(hidden, labels)
    labels.zero_()
    hidden.mul_(3)
    try:
        loss.backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # noqa: PT017
    else:
        assert_close(logits.grad, expected, **EXACT)


def test_soft_labels_changed_in_place_give_no_wrong_second_derivative(path):
    logits, _ = batch()
    soft = torch.rand(11, K, dtype=torch.float64)
    loss = OneHot(K)(logits, soft)
    expected = torch.autograd.grad(loss, logits, retain_graph=True)[0]
    soft.mul_(2)
    try:
        gradient = torch.autograd.grad(loss, logits, create_graph=True)[0]
    except RuntimeError as error:
        assert "in place" in str(error) or "inplace" in str(error)  # noqa: PT017
    else:
        assert_close(gradient.detach(), expected)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@names
def test_autocast_changes_nothing(path, name, reduction):
    for dtype in (torch.float32, torch.bfloat16):
        logits, labels = batch(dtype=dtype)
        target = TARGETS[name]().float()
        expected = target(logits, labels, reduction=reduction)
        by_expected = torch.autograd.grad(expected.sum(), logits)[0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = target(logits, labels, reduction=reduction)
        assert_close(loss, expected, rtol=0, atol=0)
        assert_close(torch.autograd.grad(loss.sum(), logits)[0], by_expected, rtol=0, atol=0)


def test_class_weights_can_be_learned(path):
    """The mean of weighted losses is a smooth function of the weights."""
    logits, labels = batch()
    labels[2] = -100
    weight = torch.linspace(0.3, 2, K, dtype=torch.float64, requires_grad=True)
    for name in MASSES:
        for reduction in ("mean", "sum"):
            loss = TARGETS[name]()(logits, labels, weight, reduction)
            losses = TARGETS[name]()(logits.detach(), labels, reduction="none").detach()
            counts = weight[labels.clamp(min=0)] * (labels >= 0)
            expected = (counts * losses).sum() / (counts.sum() if reduction == "mean" else 1)
            ours, theirs = (torch.autograd.grad(x, weight, retain_graph=True)[0] for x in (loss, expected))
            assert_close(ours, theirs, **EXACT)


# --- derivatives of derivatives, and transforms -----------------------------------------------------------------------


@plain_names
def test_the_second_derivative_is_the_numeric_one(path, name):
    logits, labels = batch(4)
    labels[1] = -100
    weight = torch.linspace(0.3, 2, K, dtype=torch.float64)
    target = TARGETS[name]().requires_grad_(False)
    assert torch.autograd.gradgradcheck(lambda z: target(z, labels), (logits,))
    assert torch.autograd.gradgradcheck(lambda z: target(z, labels, weight, "sum"), (logits,))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
@plain_names
def test_the_hessian_is_that_of_the_cross_entropy(path, name):
    logits, labels = batch(3)
    target = TARGETS[name]()
    p = logits.detach().softmax(dim=1)
    expected = torch.zeros(3, K, 3, K, dtype=torch.float64)
    for i in range(3):
        expected[i, :, i] = (p[i].diag() - p[i].outer(p[i])) / 3
    hessian = torch.autograd.functional.hessian(lambda z: target(z, labels), logits.detach())
    assert_close(hessian, expected, rtol=1e-10, atol=1e-12)
    assert_close(torch.func.hessian(lambda z: target(z, labels))(logits.detach()), expected, rtol=1e-10, atol=1e-12)
    vectorised = torch.autograd.functional.hessian(lambda z: target(z, labels), logits.detach(), vectorize=True)
    assert_close(vectorised, expected, rtol=1e-10, atol=1e-12)


# Of torch itself, at the first use of forward derivatives.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
@names
def test_functional_transforms(path, name):
    logits, labels = batch()
    z = logits.detach()
    target = TARGETS[name]().requires_grad_(False)
    value, gradient = formula(name, logits, labels)
    assert_close(torch.func.grad(lambda x: target(x, labels))(z), gradient, **EXACT)
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: target(x.unsqueeze(0), y.unsqueeze(0))))(z, labels)
    assert_close(per_sample / 11, gradient, **EXACT)
    direction = torch.ones_like(z).cumsum(dim=1)
    primal, slope = torch.func.jvp(lambda x: target(x, labels), (z,), (direction,))
    assert_close(primal, value, **EXACT)
    assert_close(slope, (gradient * direction).sum(), **EXACT)
    several = torch.func.vmap(lambda x: target(x, labels))(torch.stack([z, z]))
    assert_close(several, value.expand(2), **EXACT)


@names
def test_transforms_of_something_else_than_the_logits(path, name):
    """Several labellings of one batch, the gradient of class weights: the logits themselves are plain numbers there."""
    logits, labels = batch()
    target = TARGETS[name]().requires_grad_(False)
    for z in (logits, logits.detach()):
        both = torch.stack([labels, labels.flip(0)])
        found = torch.func.vmap(lambda y, z=z: target(z, y))(both)
        assert_close(found, torch.stack([target(z, y) for y in both]), **EXACT)
        weights = torch.rand(3, K, dtype=torch.float64) + 0.1
        found = torch.func.vmap(lambda w, z=z: target(z, labels, w))(weights)
        assert_close(found, torch.stack([target(z, labels, w) for w in weights]), **EXACT)
    one = torch.ones(K, dtype=torch.float64)
    by_weight = torch.func.grad(lambda w: target(logits.detach(), labels, w, "sum"))(one)
    losses = target(logits.detach(), labels, reduction="none")
    assert_close(by_weight, torch.zeros_like(one).index_add(0, labels, losses), **EXACT)


@names
def test_transforms_leave_nothing_behind(path, name):
    logits, labels = batch(dtype=torch.float32)
    target = TARGETS[name]().float().requires_grad_(False)
    torch.func.grad(lambda x: target(x, labels))(logits.detach())
    torch.func.vmap(torch.func.grad(lambda x, y: target(x.unsqueeze(0), y.unsqueeze(0))))(logits.detach(), labels)
    value, gradient = formula(name, logits, labels)
    loss = target(logits, labels)
    assert_close(loss.double(), value, rtol=1e-6, atol=1e-6)
    assert_close(torch.autograd.grad(loss, logits)[0].double(), gradient, rtol=1e-5, atol=1e-6)


# In a process of its own: the shape checking of the test run cannot be compiled.
COMPILED = """
import torch
from smoothkit.targets import ClassMatrix, LabelSmoothing, LabelSmoothingPP, OneHot, OnlineLabelSmoothing

K = 12
targets = [OneHot(K), LabelSmoothing(K), ClassMatrix(K, LabelSmoothing(K).matrix()), LabelSmoothingPP(K)]
for rows in (8, 2**17 // K + 5):
    logits = torch.randn(rows, K, requires_grad=True)
    labels = torch.arange(rows) % K
    labels[3] = -100
    soft = torch.rand(rows, K)
    for target in [*targets, OnlineLabelSmoothing(K)]:
        torch.compiler.reset()
        compiled = torch.compile(target, fullgraph=True, backend="eager")
        for answer, weight in ((labels, None), (labels, torch.linspace(1, 2, K)), (soft, None)):
            torch.compiler.reset()
            inputs = [logits, *(p for p in target.parameters() if not answer.is_floating_point())]
            eager_loss, loss = target(logits, answer, weight), compiled(logits, answer, weight)
            torch.testing.assert_close(loss, eager_loss)
            found = [torch.autograd.grad(value, inputs) for value in (loss, eager_loss)]
            torch.testing.assert_close(*found, rtol=1e-5, atol=1e-7)
"""


def test_it_compiles_into_one_graph_at_any_size():
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
