"""The sum of a batch's losses in blocks of rows: for each form of target, against the formula in float64."""

import math
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.profiler import ProfilerActivity, profile
from torch.testing import assert_close

from smoothkit.targets import ClassMatrix, LabelSmoothing, LabelSmoothingPP, OneHot, OnlineLabelSmoothing
from smoothkit.targets.loss import blocked
from smoothkit.targets.loss.forms import Dense, MatrixRows, Sparse, Uniform
from smoothkit.targets.loss.functional import compute_dtype
from smoothkit.targets.loss.paths import total_cross_entropy

FORMS = (
    "hard",
    "uniform",
    "negative",
    "sparse",
    "sparse rest",
    "matrix",
    "narrow matrix",
    "dense",
    "half dense",
    "near one",
)
SCALES = ("number", "rows", "zeros")
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
# What a gradient may be off by, relative to the largest entry of its row and to the entry itself: rounding of the
# arithmetic in float32, and of the result to eight or eleven bits.
GRADIENT = {torch.float64: (1e-14, 1e-12), torch.float32: (1e-6, 1e-5), torch.bfloat16: (1e-6, 2**-8)}
GRADIENT[torch.float16] = (1e-6, 2**-10)
VALUE = {torch.float64: 1e-12}


@pytest.fixture(autouse=True, params=["as it is", "wide"])
def _layout(request, monkeypatch):
    """Few classes have a way of their own; the other one has to be right for them as well."""
    if request.param == "wide":
        monkeypatch.setattr(blocked, "NARROW", 0)


@pytest.fixture
def block(monkeypatch):
    """Makes blocks hold so many numbers."""

    def make(size):
        # What is kept between calls has the size of the old block.
        monkeypatch.setattr(blocked, "BLOCK", size)
        monkeypatch.setattr(blocked, "_kept", threading.local())

    return make


def made(kind, rows, classes, generator):
    """A form of target, and the same rows in full, written down without the form's help."""
    labels = torch.randint(classes, (rows,), generator=generator)
    full = torch.zeros(rows, classes, dtype=torch.float64)
    one = torch.nn.functional.one_hot(labels, classes).double()
    if kind in ("hard", "uniform", "negative"):
        true, other = {
            "hard": (1.0, 0.0),
            "uniform": (0.7, 0.3 / (classes - 1)),
            "negative": (1.9, -0.9 / (classes - 1)),
        }[kind]
        return Uniform(labels, true, other, classes), one * true + (1 - one) * other
    if kind.startswith("sparse"):
        few = torch.stack([labels, torch.randint(classes, (rows,), generator=generator), labels], dim=1)
        masses = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
        rest = 2.5 / classes if kind == "sparse" else torch.randn(rows, generator=generator, dtype=torch.float64)
        for i in range(rows):
            full[i] = rest if isinstance(rest, float) else rest[i]
            for column in range(3):
                full[i, few[i, column]] += masses[i, column]
        return Sparse(few, masses, rest, classes), full
    if kind.endswith("matrix"):
        # More labels than classes, rows that do not sum to one, entries below zero.
        matrix = torch.randn(classes + 3, classes, generator=generator, dtype=torch.float64)
        matrix = matrix.float() if kind == "narrow matrix" else matrix
        labels = torch.randint(classes + 3, (rows,), generator=generator)
        return MatrixRows(labels, matrix), torch.stack(
            [matrix[y].double() for y in labels.tolist()] or [full[0:0].sum(0)]
        )[:rows]
    full = torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    full = full.half().double() if kind == "half dense" else full
    if kind == "near one":
        # As of a target computed in float32: the sums are off by a rounding error, which float64 shows.
        full = full.softmax(dim=1) * (1 + 5e-7)
    return Dense(full.half() if kind == "half dense" else full), full


def row_scale(kind, rows, generator, dtype=torch.float64):
    if kind == "number":
        return 0.37
    scale = torch.rand(rows, generator=generator, dtype=dtype) + 0.1
    return scale if kind == "rows" else scale * (torch.arange(rows) % 2)


def formula(logits, target, scale):
    """The sum of ``-scale t log p`` and its gradient ``scale (sum(t) p - t)``."""
    z = logits.detach().double()
    column = scale.unsqueeze(1) if isinstance(scale, torch.Tensor) else scale
    value = -(column * target * z.log_softmax(dim=1)).sum()
    return value, column * (target.sum(dim=1, keepdim=True) * z.softmax(dim=1) - target)


def check(kind, scale_kind, dtype, rows, classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target, full = made(kind, rows, classes, generator)
    scale = row_scale(scale_kind, rows, generator, compute_dtype(torch.empty(0, dtype=dtype)))
    logits = (3 * torch.randn(rows, classes, generator=generator)).to(dtype).requires_grad_()
    loss = total_cross_entropy(logits, target, scale)
    value, gradient = formula(logits, full, scale)
    ours = torch.autograd.grad(loss, logits)[0]
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert ours.dtype == dtype
    assert ours.shape == logits.shape
    size = (full.abs() * logits.detach().double().log_softmax(dim=1).abs()).sum().item() + 1
    assert abs(loss.item() - value.item()) <= VALUE.get(dtype, 2e-6) * size
    atol, rtol = GRADIENT[dtype]
    # Subnormal numbers of float16 are 6e-8 apart.
    bound = (
        atol * (1 + full.abs().amax(dim=1, keepdim=True)) * (1 + classes**0.5)
        + rtol * gradient.abs()
        + (6e-8 if dtype == torch.float16 else 0)
    )
    assert ((ours.double() - gradient).abs() <= bound).all()
    with torch.no_grad():
        assert_close(total_cross_entropy(logits, target, scale), loss.detach(), rtol=1e-6, atol=1e-6)


# One block; a partial last block; blocks of one row; rows longer than a block.
@pytest.mark.parametrize(("size", "shape"), [(2**17, (9, 5)), (24, (9, 5)), (5, (9, 5)), (4, (3, 11))], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", FORMS)
def test_value_and_gradient_are_the_formulas(block, kind, scale, dtype, size, shape):
    block(size)
    check(kind, scale, dtype, *shape)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(FORMS),
    scale=st.sampled_from(SCALES),
    dtype=st.sampled_from(DTYPES),
    rows=st.integers(0, 30),
    classes=st.integers(2, 40),
    size=st.integers(1, 200),
    seed=st.integers(0, 2**31),
)
def test_for_any_shape_and_block(kind, scale, dtype, rows, classes, size, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked, "BLOCK", size)
        patch.setattr(blocked, "_kept", threading.local())
        check(kind, scale, dtype, rows, classes, seed)


@pytest.mark.parametrize("shape", [(1, 2**17), (2, 2**16), (1, 2**17 + 1), (3, 2**16), (2, 2**17 + 3)], ids=str)
@pytest.mark.parametrize("kind", ["uniform", "sparse", "dense"])
def test_at_the_edges_of_the_real_block(kind, shape):
    check(kind, "number", torch.float32, *shape)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("size", [2**17, 24])
def test_it_leaves_the_target_and_the_logits_as_they_are(block, kind, size):
    block(size)
    target, _ = made(kind, 9, 5, torch.Generator().manual_seed(0))
    logits = torch.randn(9, 5, requires_grad=True)
    held = [x.clone() for x in (*target, logits) if isinstance(x, torch.Tensor)]
    for scale in (1.0, -1.0, 0.5, torch.full((9,), 0.5)):
        total_cross_entropy(logits, target, scale).backward()
    for old, new in zip(held, [x for x in (*target, logits) if isinstance(x, torch.Tensor)], strict=True):
        assert_close(new, old, rtol=0, atol=0)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("scale_kind", SCALES)
@pytest.mark.parametrize("size", [2**17, 6, 1])
def test_it_can_be_differentiated_twice(block, kind, scale_kind, size):
    block(size)
    generator = torch.Generator().manual_seed(1)
    # The checks evaluate the loss for each logit and again for each pair of them.
    target, _ = made(kind, 2, 3, generator)
    scale = row_scale(scale_kind, 2, generator)
    logits = torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: total_cross_entropy(z, target, scale), (logits,))
    assert torch.autograd.gradgradcheck(lambda z: total_cross_entropy(z, target, scale), (logits,))


def layouts():
    """The same logits in memory in other orders."""
    z = torch.randn(33, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wide = torch.zeros(66, 24, dtype=torch.float64)
    wide[::2, 3:19:2] = z
    return {
        "transposed": (z, z.t().contiguous().t()),
        "sliced": (z, wide[::2, 3:19:2]),
        "expanded": (z[:1].expand(33, 8).contiguous(), z[:1].expand(33, 8)),
        "offset": (z, torch.cat([torch.zeros(1, dtype=torch.float64), z.flatten()])[1:].view(33, 8)),
        "classes expanded": (z[:, :1].repeat(1, 8), z[:, :1].expand(33, 8)),
    }


@pytest.mark.parametrize("name", list(layouts()))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [2**17, 40, 1])
def test_logits_may_lie_in_memory_in_any_order(block, name, dtype, size):
    block(size)
    plain, other = (x.to(dtype) if dtype != torch.float64 else x for x in layouts()[name])
    if dtype != torch.float64 and name == "transposed":
        other = plain.t().contiguous().t()
    labels = torch.arange(33) % 8
    target = Uniform(labels, 0.9, 0.1 / 7, 8)
    found = []
    for logits in (plain, other):
        z = logits.detach().requires_grad_()
        loss = total_cross_entropy(
            z, target, torch.rand(33, generator=torch.Generator().manual_seed(0), dtype=compute_dtype(z))
        )
        found.append((loss.detach(), torch.autograd.grad(loss, z)[0]))
    assert_close(found[1], found[0])


def in_threads(*calls):
    """What each call returns, all of them at once in a thread of their own."""
    results, start = [None] * len(calls), threading.Barrier(len(calls))

    def work(position, call):
        try:
            start.wait()
            results[position] = call()
        except BaseException as error:
            results[position] = error

    threads = [threading.Thread(target=work, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_threads_do_not_meet_in_the_buffers(block):
    block(600)

    def repeated(seed, kind):
        def call():
            for i in range(10):
                check(kind, "rows", torch.float32, 40 + seed, 50, seed + i)

        return call

    in_threads(*(repeated(seed, kind) for seed, kind in enumerate(("uniform", "matrix", "sparse", "dense"))))


def test_a_loss_inside_the_backward_pass_of_another(block):
    block(40)
    labels = torch.arange(30) % 8
    z = torch.randn(30, 8, dtype=torch.float64, requires_grad=True)
    other = torch.randn(30, 8, dtype=torch.float64, requires_grad=True)
    inner = []

    def hook(_):
        with torch.enable_grad():
            loss = total_cross_entropy(other, Uniform(labels, 0.5, 0.5 / 7, 8), 1.0)
            inner.append(torch.autograd.grad(loss, other)[0])

    x = z * 1
    x.register_hook(hook)
    target, scale = Uniform(labels, 0.9, 0.1 / 7, 8), torch.rand(30, dtype=torch.float64)
    total = total_cross_entropy(x, target, scale) + 2 * total_cross_entropy(z, target, 1.0)
    total.backward()
    one, two = formula(z, target.dense(torch.float64), scale)[1], formula(z, target.dense(torch.float64), 1.0)[1]
    assert_close(z.grad, one + 2 * two)
    assert_close(inner[0], formula(other, Uniform(labels, 0.5, 0.5 / 7, 8).dense(torch.float64), 1.0)[1])


@pytest.mark.parametrize("rows", [20, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", FORMS)
def test_what_an_evaluation_leaves_behind_does_not_stop_the_training(block, kind, rows, dtype):
    """Buffers first made inside inference mode could not be written to outside of it."""
    block(400)
    z = torch.randn(rows, 8).to(dtype).requires_grad_()
    target, _ = made(kind, rows, 8, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = total_cross_entropy(z.detach(), target, 1.0).item()
    loss = total_cross_entropy(z, target, 1.0)
    loss.backward()
    assert before == pytest.approx(loss.item(), rel=1e-5)


def test_a_rehearsal_without_numbers_leaves_nothing_behind():
    """Fake tensors, as tools use them that count memory or operations ahead of a run."""
    labels = torch.arange(6)
    target = LabelSmoothing(11, 0.123)
    with FakeTensorMode():
        rehearsed = target(torch.randn(6, 11, requires_grad=True), torch.zeros(6, dtype=torch.int64))
    assert rehearsed.shape == ()
    z = torch.randn(6, 11, requires_grad=True)
    loss = target(z, labels)
    loss.backward()
    assert type(loss) is torch.Tensor
    assert loss.isfinite()


@pytest.mark.parametrize("rows", [20, 300])
@pytest.mark.parametrize("make", [OneHot, lambda classes: LabelSmoothing(classes, 0.2), LabelSmoothingPP])
def test_the_default_device_does_not_matter(block, make, rows):
    block(400)
    z = torch.randn(rows, 8)
    labels = torch.arange(rows) % 8
    target = make(8)
    with torch.device("meta"):
        inside = target(z, labels)
    assert inside.device == z.device
    assert_close(inside, target(z, labels))


# --- what a backward pass may be asked --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2**17, 40])
@pytest.mark.parametrize("factor", [0.25, -3.0, 0.0, 1.0])
def test_the_gradient_follows_that_of_the_sum(block, size, factor):
    block(size)
    target, full = made("matrix", 30, 8, torch.Generator().manual_seed(0))
    z = torch.randn(30, 8, dtype=torch.float64, requires_grad=True)
    expected = factor * formula(z, full, 0.5)[1]
    loss = total_cross_entropy(z, target, 0.5)
    loss.backward(gradient=torch.tensor(factor, dtype=torch.float64), retain_graph=True)
    assert_close(z.grad, expected)
    (factor * loss).backward(retain_graph=True)
    assert_close(z.grad, 2 * expected)
    (factor * loss).backward()
    assert_close(z.grad, 3 * expected)


@pytest.mark.parametrize("factor", [2.0**16, 2.0**10, 2.0**-3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("rows", "classes"), [(64, 20000), (4096, 500)])
def test_a_loss_scale_saves_small_gradients(dtype, rows, classes, factor):
    """What a loss scale is for: 1/N softmax is below what float16 can hold, times 65536 (over its limit) it is not."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(rows, classes, generator=generator).to(dtype).requires_grad_()
    labels = torch.randint(classes, (rows,), generator=generator)
    for target in (LabelSmoothing(classes), *([LabelSmoothingPP(classes)] if classes < 1000 else [])):
        ours = torch.autograd.grad(factor * target(z, labels), z)[0].double()
        expected = factor * formula(z, target.distribution(labels).double(), 1 / rows)[1]
        assert ours.isfinite().all()
        rtol = 2**-10 if dtype == torch.float16 else 2**-7
        assert ((ours - expected).abs() <= rtol * expected.abs() + 6.1e-8 + 1e-6 * factor / rows).all()


def test_many_gradients_of_sums_at_once():
    """As ``torch.autograd.functional.jacobian(vectorize=True)`` asks for."""
    z = torch.randn(6, 8, dtype=torch.float64, requires_grad=True)
    loss = total_cross_entropy(z, Uniform(torch.arange(6), 0.9, 0.1 / 7, 8), 1.0)
    one = torch.autograd.grad(loss, z, retain_graph=True)[0]
    factors = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    assert_close(torch.autograd.grad(loss, z, factors, is_grads_batched=True)[0], factors.view(3, 1, 1) * one)


@pytest.mark.parametrize("size", [2**17, 40])
def test_a_gradient_changed_in_place_is_no_other_gradient(block, size):
    """The one kept for a second backward pass may have been handed out: then the second fails, or is right."""
    block(size)
    z = torch.randn(30, 8, dtype=torch.float64, requires_grad=True)
    loss = total_cross_entropy(z, Uniform(torch.arange(30) % 8, 0.9, 0.1 / 7, 8), 1.0)
    first = torch.autograd.grad(loss, z, retain_graph=True)[0]
    kept = first.clone()
    first.mul_(2)
    try:
        assert_close(torch.autograd.grad(loss, z)[0], kept)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # noqa: PT017


@pytest.mark.parametrize("size", [2**17, 40])
def test_logits_changed_in_place_before_the_backward_pass_give_no_wrong_gradient(block, size):
    block(size)
    z = torch.randn(30, 8, dtype=torch.float64, requires_grad=True)
    target = Uniform(torch.arange(30) % 8, 0.9, 0.1 / 7, 8)
    expected = formula(z, target.dense(torch.float64), 1.0)[1]
    x = z * 1
    loss = total_cross_entropy(x, target, 1.0)
    x.mul_(2)
    try:
        loss.backward()
        assert_close(z.grad, expected)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # noqa: PT017


# --- what it costs, counted -------------------------------------------------------------------------------------------


def peak_bytes(call):
    """The most bytes that a call holds at once, beyond what was held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


@pytest.mark.parametrize(("rows", "classes"), [(8192, 128), (1024, 1000), (128, 10007)])
@pytest.mark.parametrize("name", ["hard", "ls", "matrix", "ols", "soft", "ignored", "weighted"])
def test_little_more_than_the_gradient_is_held(name, rows, classes):
    if name in ("matrix", "ols") and classes > 2000:
        pytest.skip("the class matrix itself would be larger than the logits")
    smooth = LabelSmoothing(classes)
    target = {
        "hard": OneHot(classes),
        "ls": smooth,
        "soft": OneHot(classes),
        "matrix": ClassMatrix(classes, smooth.matrix()) if classes < 2000 else None,
        "ols": OnlineLabelSmoothing(classes) if classes < 2000 else None,
    }.get(name, smooth)
    z = torch.randn(rows, classes, requires_grad=True)
    labels = torch.arange(rows) % classes
    if name == "soft":
        labels = torch.full((rows, classes), 1 / classes)
    if name == "ignored":
        labels[::7] = -100
    weight = torch.linspace(0.5, 1, classes) if name == "weighted" else None
    target(z, labels, weight).backward()
    z.grad = None

    def step():
        target(z, labels, weight).backward()
        z.grad = None

    unit = 4 * rows * classes
    # A matrix that is looked up must not be counted, one that is copied must.
    assert peak_bytes(step) <= 1.3 * unit
    with torch.no_grad():
        assert peak_bytes(lambda: target(z.detach(), labels, weight)) <= 0.3 * unit


def test_an_evaluation_computes_no_gradient():
    z = torch.randn(1024, 1000, requires_grad=True)
    labels = torch.arange(1024) % 1000
    with torch.no_grad():
        assert peak_bytes(lambda: LabelSmoothing(1000)(z, labels)) <= 0.3 * z.numel() * 4


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("shift", [-1e4, 1e3])
def test_a_constant_added_to_the_logits_changes_nothing(kind, shift):
    """Beyond the digits that the logits themselves lose by it: a few roundings of the shift."""
    generator = torch.Generator().manual_seed(0)
    target, full = made(kind, 3000, 100, generator)
    z = 3 * torch.randn(3000, 100, generator=generator)
    moved = z + shift
    value = total_cross_entropy(moved, target, 1 / 3000).item()
    expected, _ = formula(moved, full, 1 / 3000)
    mass = full.abs().sum(dim=1).mean().item()
    assert abs(value - expected.item()) <= 2**-22 * abs(shift) * (1 + mass)


@pytest.mark.parametrize("margin", [20.0, 80.0, 95.0, 102.0, 110.0, 1000.0])
@pytest.mark.parametrize("kind", ["hard", "uniform", "dense"])
@pytest.mark.parametrize("rows", [3, 2000])
def test_a_very_wrong_prediction_costs_its_margin(kind, margin, rows):
    """Where the probability of the label is below what float32 holds, too."""
    labels = torch.arange(rows) % 100
    uniform = Uniform(labels, 1.0, 0.0, 100) if kind == "hard" else Uniform(labels, 0.9, 0.1 / 99, 100)
    full = uniform.dense(torch.float64)
    z = torch.zeros(rows, 100).scatter(1, labels.unsqueeze(1), -margin)
    loss = total_cross_entropy(z, Dense(full.float()) if kind == "dense" else uniform, 1 / rows)
    assert loss.item() == pytest.approx(formula(z, full, 1 / rows)[0].item(), rel=1e-6)


def test_huge_and_undefined_numbers():
    target = Uniform(torch.arange(4), 0.9, 0.1 / 3, 4)
    z = torch.tensor([[3e4, -3e4, 0.0, 1.0]] * 4, requires_grad=True)
    loss = total_cross_entropy(z, target, 1.0)
    assert_close(loss.double(), formula(z, target.dense(torch.float64), 1.0)[0], rtol=1e-6, atol=0)
    assert torch.autograd.grad(loss, z)[0].isfinite().all()
    for bad in (math.nan, math.inf):
        z = torch.zeros(4, 4)
        z[1, 2] = bad
        z.requires_grad_()
        loss = total_cross_entropy(z, target, 1.0)
        assert loss.isnan()
        gradient = torch.autograd.grad(loss, z)[0]
        assert gradient[1].isnan().any()
        assert gradient[[0, 2, 3]].isfinite().all()
