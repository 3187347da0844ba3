"""What the GPU kernel has to compute, checked against the plain path in float64.

`test_cross_entropy_kernel.py` runs this file in processes of their own: with Triton's interpreter on the CPU, and on a
GPU where there is one. The interpreter has to be chosen before the kernel is imported.
"""

import itertools
import os

import pytest
import torch
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, LabelSmoothingPP
from smoothkit.targets.loss.forms import Dense, Form, MatrixRows, Sparse, Uniform
from smoothkit.targets.loss.kernels import cross_entropy, fused_cross_entropy, fused_learned_cross_entropy
from smoothkit.targets.loss.kernels.learned import grouped_sum
from smoothkit.targets.rows import Rows

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
FEW_SIZES = ((37, 10), (4, 1000))
SIZES = (*FEW_SIZES, (37, 2), (9, 100), (4, 5003))
"""Rows and classes; the rows are no multiple of what a program takes of so short ones."""
KINDS = ("hard", "smoothed", "sparse", "matrix", "dense")
GRADIENT_ERROR = {torch.float32: 2e-6, torch.bfloat16: 2.0**-6, torch.float16: 2.0**-10}
"""Relative to the entry: in float32 what the exponential and the sums lose, in float16 one rounding to that type, in
bfloat16 two, before and after scaling; the interpreter cuts digits off where a GPU rounds."""
gpu_only = pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
# The interpreter, which is slow, computes in float32 whatever it loads and stores, and knows no warps: a single type at
# each cut of the rows into programs, and each type at two of them, leave out nothing that it does.
CASES = [
    (dtype, rows, classes)
    for dtype in GRADIENT_ERROR
    for rows, classes in SIZES
    if DEVICE == "cuda" or (rows, classes) in (FEW_SIZES if dtype != torch.float32 else SIZES[:-1])
]


def make_form(kind: str, rows: int, classes: int, generator: torch.Generator) -> Form:
    labels = torch.randint(classes, (rows,), generator=generator, device=DEVICE)
    random = torch.rand(rows, classes, generator=generator, device=DEVICE)
    match kind:
        case "hard":
            return Uniform(labels, 1.0, 0.0, classes)
        case "smoothed":
            return Uniform(labels, 0.9, 0.1 / (classes - 1), classes)
        case "sparse":
            few = torch.stack([labels, (labels + 1) % classes, labels], dim=1)
            masses = torch.tensor([0.9, -0.3, 0.2], device=DEVICE).expand(rows, 3)
            return Sparse(few, masses, random[:, 0] / classes, classes)
        case "matrix":
            return MatrixRows(labels % 7, torch.rand(7, classes, generator=generator, device=DEVICE).softmax(dim=1))
        case _:
            return Dense((3 * random).softmax(dim=1))


def widened(form: Form) -> Form:
    """The form in float64."""
    match form:
        case Sparse(classes, masses, rest, num_classes):
            rest = rest.double() if isinstance(rest, torch.Tensor) else rest
            return Sparse(classes, masses.double(), rest, num_classes)
        case MatrixRows(labels, matrix):
            return MatrixRows(labels, matrix.double())
        case Dense(rows):
            return Dense(rows.double())
    return form


def plain(logits, form, scale=1.0, ignored=None, factor=1.0):
    """Losses and logit gradients of the plain path in float64."""
    z = logits.detach().double().requires_grad_()
    losses = widened(form).cross_entropy(z)
    losses = (losses if ignored is None else losses.masked_fill(ignored, 0)) * scale
    return losses.detach(), torch.autograd.grad((losses * factor).sum(), z)[0]


def make_logits(rows, classes, dtype=torch.float32, *, spread=3.0):
    generator = torch.Generator(DEVICE).manual_seed(rows + classes)
    return (spread * torch.randn(rows, classes, generator=generator, device=DEVICE)).to(dtype), generator


def check(logits, form, scale=1.0, ignored=None, factor=1.0):
    """Loss within 3e-6 and gradient within GRADIENT_ERROR of the plain path in float64."""
    z = logits.detach().requires_grad_()
    losses = fused_cross_entropy(z, form, scale, ignored)
    grad = torch.autograd.grad((losses * factor).sum(), z)[0]
    expected, expected_grad = plain(logits, form, scale, ignored, factor)
    assert losses.dtype == torch.float32
    assert grad.dtype == logits.dtype
    assert_close(losses.double(), expected, rtol=3e-6, atol=3e-6 * float(torch.as_tensor(scale).abs().max()))
    small = 6e-8 if logits.dtype == torch.float16 else 3e-7 * float((torch.as_tensor(scale) * factor).abs().max())
    assert_close(grad.double(), expected_grad, rtol=GRADIENT_ERROR[logits.dtype], atol=small)
    return losses, grad


@pytest.mark.parametrize(("dtype", "rows", "classes"), CASES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_those_of_the_plain_path(kind, dtype, rows, classes):
    logits, generator = make_logits(rows, classes, dtype)
    form = make_form(kind, rows, classes, generator)
    ignored = torch.rand(rows, generator=generator, device=DEVICE) < 0.3
    weights = torch.rand(rows, generator=generator, device=DEVICE)
    check(logits, form)
    check(logits, form, 1 / rows)
    check(logits, form, torch.tensor(0.25, device=DEVICE), ignored)
    check(logits, form, torch.tensor([0.25], device=DEVICE))
    check(logits, form, weights, ignored, factor=3.0)
    check(logits, form, weights, factor=-0.5 * weights)
    masked = logits.masked_fill(torch.rand(rows, classes, generator=generator, device=DEVICE) < 0.3, -torch.inf)
    # Where little of the mass, or of a signed mass next to none, remains, its rounding error is all that one would see.
    match form:
        case Uniform(labels):
            masked.scatter_(1, labels.unsqueeze(1), 1.0)
        case Sparse(few):
            masked.scatter_(1, few, 1.0)
        case _:
            masked[:, 0] = 1
    _, grad = check(masked, form, weights, ignored)
    assert (grad[masked == -torch.inf] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_longer_than_a_block(kind, dtype):
    """The largest logit comes late, so that what was added up before is rescaled; one block is masked as a whole."""
    classes = cross_entropy.ONE_BLOCK + 3001
    logits, generator = make_logits(3, classes, dtype)
    form = make_form(kind, 3, classes, generator)
    logits[:, -1] = 30
    check(logits, form, torch.tensor([1.0, 0.0, 2.0], device=DEVICE), factor=2.0)
    logits[1, : cross_entropy.LOOP_BLOCK + 5] = -torch.inf
    if kind != "hard":
        _, grad = check(logits, form)
        assert (grad[logits == -torch.inf] == 0).all()


def test_a_gradient_of_50257_classes_in_half_precision_survives_a_loss_scaler():
    logits, generator = make_logits(2, 50257, torch.float16)
    check(logits, make_form("smoothed", 2, 50257, generator), torch.tensor(1 / 1024, device=DEVICE), factor=65536.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [1e4, -1e4])
def test_a_common_shift_of_large_logits(kind, shift):
    logits, generator = make_logits(9, 100)
    check(logits + shift, make_form(kind, 9, 100, generator))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "high"), [(torch.float32, 1e30), (torch.float16, 6e4)], ids=str)
def test_logits_as_large_as_the_type_holds(kind, dtype, high):
    logits, generator = make_logits(4, 10, dtype)
    logits[0, 3], logits[1, 4] = high, -high
    logits[2] = high
    check(logits, make_form(kind, 4, 10, generator))


def test_a_difference_that_overflows_is_no_mask():
    """A class without target mass adds nothing, however far below; one with mass makes the loss huge or infinite."""
    logits = torch.tensor([[3e38, -3e38, 0.0]], device=DEVICE, requires_grad=True)
    label = torch.tensor([0], device=DEVICE)
    assert fused_cross_entropy(logits, Uniform(label, 1.0, 0.0, 3)).item() == 0
    loss = fused_cross_entropy(logits, Uniform(label, 0.8, 0.1, 3))
    assert loss.item() > 1e37
    assert_close(torch.autograd.grad(loss, logits)[0], torch.tensor([[0.2, -0.1, -0.1]], device=DEVICE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_stays_none_in_its_row_alone(kind, wrong):
    logits, generator = make_logits(3, 10)
    logits[1, 2] = wrong
    losses = fused_cross_entropy(logits, make_form(kind, 3, 10, generator))
    assert losses.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", list(GRADIENT_ERROR), ids=str)
def test_an_ignored_row_may_hold_anything(kind, dtype):
    """Also a row of weight 0. Loss and gradient are exactly 0."""
    logits, generator = make_logits(5, 10, dtype)
    form = make_form(kind, 5, 10, generator)
    logits[1], logits[2, 3], logits[3] = torch.nan, torch.inf, -torch.inf
    logits.requires_grad_()
    ignored = torch.tensor([False, True, False, True, False], device=DEVICE)
    scale = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0], device=DEVICE)
    losses = fused_cross_entropy(logits, form, scale, ignored)
    grad = torch.autograd.grad(losses.sum() * 2, logits)[0]
    assert losses[1:4].tolist() == [0, 0, 0]
    assert (grad[1:4] == 0).all()
    assert grad.isfinite().all()


def test_a_target_without_allowed_mass_has_an_infinite_loss_and_no_gradient():
    logits, _ = make_logits(4, 5)
    logits[0, 2] = logits[2] = -torch.inf
    logits.requires_grad_()
    losses = fused_cross_entropy(logits, Uniform(torch.tensor([2, 1, 0, 3], device=DEVICE), 1.0, 0.0, 5))
    assert (losses == torch.inf).tolist() == [True, False, True, False]
    grad = torch.autograd.grad(losses.sum(), logits)[0]
    assert (grad[[0, 2]] == 0).all()


@pytest.mark.parametrize("label", [-1, 5, 2**40])
def test_a_label_out_of_range_makes_its_row_nan_and_reads_nothing_else(label):
    logits, _ = make_logits(3, 5)
    labels = torch.tensor([1, label, 2], device=DEVICE)
    forms = [
        Uniform(labels, 0.9, 0.025, 5),
        MatrixRows(labels, torch.eye(5, device=DEVICE)),
        Sparse(labels.unsqueeze(1), torch.ones(3, 1, device=DEVICE), 0.0, 5),
    ]
    for form in forms:
        z = logits.clone().requires_grad_()
        losses = fused_cross_entropy(z, form)
        assert losses.isnan().tolist() == [False, True, False]
        assert torch.autograd.grad(losses.sum(), z)[0].isnan().all(dim=1).tolist() == [False, True, False]


def test_memory_in_any_order():
    logits, generator = make_logits(6, 8)
    form = make_form("dense", 6, 8, generator)
    assert isinstance(form, Dense)
    check(logits.t().contiguous().t(), form)
    check(torch.cat([logits, logits], dim=1)[:, :8], Dense(form.rows[:1].expand(6, 8)))
    check(logits, Dense(form.rows.t().contiguous().t().double()))
    labels = torch.arange(12, device=DEVICE)[::2] % 8
    check(logits, MatrixRows(labels, torch.rand(8, 8, device=DEVICE).t()))
    check(logits, Sparse(labels.unsqueeze(1), torch.ones(6, 1, device=DEVICE), 0.05, 8))


def test_a_scale_may_be_learned():
    logits, generator = make_logits(3, 5)
    scale = torch.tensor([0.5, 1.0, 2.0], device=DEVICE, requires_grad=True)
    losses = fused_cross_entropy(logits, make_form("smoothed", 3, 5, generator), scale)
    assert_close(torch.autograd.grad(losses.sum(), scale)[0], losses.detach() / scale.detach())


def test_no_rows():
    logits = torch.empty(0, 4, device=DEVICE, requires_grad=True)
    losses = fused_cross_entropy(logits, Dense(torch.empty(0, 4, device=DEVICE)))
    assert losses.shape == (0,)
    assert torch.autograd.grad(losses.sum(), logits)[0].shape == (0, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_a_graph_that_is_kept_gives_the_same_gradient_again(dtype):
    logits, generator = make_logits(9, 10, dtype)
    form = make_form("smoothed", 9, 10, generator)
    logits.requires_grad_()
    loss = fused_cross_entropy(logits, form).sum()
    tripled = torch.autograd.grad(loss, logits, torch.tensor(3.0, device=DEVICE), retain_graph=True)[0].clone()
    none = torch.autograd.grad(loss, logits, torch.tensor(0.0, device=DEVICE), retain_graph=True)[0]
    once = torch.autograd.grad(loss, logits)[0]
    assert (none == 0).all()
    assert_close(once, plain(logits, form)[1].to(dtype))
    assert_close(tripled, (3 * plain(logits, form)[1]).to(dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_differentiated_twice(kind):
    logits, generator = make_logits(3, 5)
    form = make_form(kind, 3, 5, generator)
    ignored = torch.tensor([False, True, False], device=DEVICE)
    direction = torch.randn(3, 5, generator=generator, device=DEVICE)
    products = []
    for z, loss_of in (
        (logits, lambda z: fused_cross_entropy(z, form, 0.5, ignored)),
        (logits.double(), lambda z: widened(form).cross_entropy(z).masked_fill(ignored, 0) * 0.5),
    ):
        z = z.clone().requires_grad_()
        grad = torch.autograd.grad(loss_of(z).sum(), z, create_graph=True)[0]
        products.append(torch.autograd.grad((grad * direction).sum(), z)[0])
    assert_close(products[0].double(), products[1], rtol=1e-5, atol=1e-6)


def learned_pair(target, logits, labels, ignored, scale):
    """Loss, logit gradient and theta gradient: fused, and of the plain path in float64."""
    matrix = target.matrix()
    z, theta = logits.clone().requires_grad_(), target.theta.detach().clone().requires_grad_()
    loss = fused_learned_cross_entropy(z, theta, MatrixRows(labels, matrix), scale, ignored)
    wide = target.double()
    z64 = logits.double().requires_grad_()
    rows = wide.row_loss(Rows(labels, z64))
    expected = ((rows if ignored is None else rows.masked_fill(ignored, 0)) * scale).sum()
    return (
        (loss, *torch.autograd.grad(loss * 2, (z, theta))),
        (expected, *torch.autograd.grad(expected * 2, (z64, wide.theta))),
    )


@pytest.mark.parametrize("dtype", list(GRADIENT_ERROR), ids=str)
@pytest.mark.parametrize(("rows", "classes"), [(37, 3), (200, 20), (12, 600)])
def test_the_learned_matrix_has_both_gradients(rows, classes, dtype):
    """With masked classes, too, which condition the network's target and leave the matrix's half alone."""
    logits, generator = make_logits(rows, classes, dtype)
    labels = torch.randint(classes, (rows,), generator=generator, device=DEVICE)
    ignored = torch.rand(rows, generator=generator, device=DEVICE) < 0.3
    weights = torch.rand(rows, generator=generator, device=DEVICE) / rows
    masked = logits.masked_fill(torch.rand(rows, classes, generator=generator, device=DEVICE) < 0.2, -torch.inf)
    masked.scatter_(1, labels.unsqueeze(1), 1.0)
    for z, skipped, scale in ((logits, None, 1 / rows), (logits, ignored, weights), (masked, ignored, weights)):
        target = LabelSmoothingPP(classes, 0.2).to(DEVICE)
        torch.nn.init.normal_(target.theta, generator=generator)
        fused, expected = learned_pair(target, z, labels, skipped, scale)
        assert_close(fused[0].double(), expected[0], rtol=3e-6, atol=1e-6)
        assert_close(fused[1].double(), expected[1], rtol=GRADIENT_ERROR[dtype], atol=1e-7)
        assert_close(fused[2].double(), expected[2], rtol=1e-5, atol=1e-6)
        assert fused[1].dtype == dtype


def test_the_learned_matrix_can_be_differentiated_twice():
    logits, generator = make_logits(9, 4)
    labels = torch.randint(4, (9,), generator=generator, device=DEVICE)
    target = LabelSmoothingPP(4, 0.2).to(DEVICE)
    torch.nn.init.normal_(target.theta, generator=generator)
    form = MatrixRows(labels, target.matrix())
    z, theta = logits.requires_grad_(), target.theta
    loss = fused_learned_cross_entropy(z, theta, form, 0.5)
    grads = torch.autograd.grad(loss, (z, theta), create_graph=True)
    kept = torch.autograd.grad(fused_learned_cross_entropy(z, theta, form, 0.5), (z, theta))
    assert_close(grads[0], kept[0])
    assert_close(grads[1], kept[1])
    second = torch.autograd.grad(grads[0].square().sum() + grads[1].square().sum(), (z, theta))
    assert all(part.isfinite().all() and part.abs().max() > 0 for part in second)


@pytest.mark.parametrize("num_labels", [7, 700])
def test_grouped_sums(num_labels):
    logits, generator = make_logits(50, 6)
    labels = torch.randint(num_labels, (50,), generator=generator, device=DEVICE)
    expected = torch.zeros(num_labels, 6, device=DEVICE).index_add_(0, labels, logits)
    assert_close(grouped_sum(logits, labels, num_labels), expected)
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        assert_close(grouped_sum(logits, labels, num_labels), expected)


@gpu_only
@pytest.mark.parametrize("kind", ["index", "soft", "learned"])
def test_a_target_on_a_gpu_agrees_with_the_cpu_and_reads_nothing_back(kind):
    target = LabelSmoothingPP(1000, 0.1) if kind == "learned" else LabelSmoothing(1000, 0.1)
    logits = torch.randn(256, 1000)
    labels = torch.rand(256, 1000).softmax(dim=1) if kind == "soft" else torch.randint(1000, (256,))
    results = []
    for device in ("cpu", "cuda"):
        on_device = target.to(device)
        z, answer = logits.to(device).requires_grad_(), labels.to(device)
        on_device(z, answer).backward()
        torch.cuda.synchronize()
        z.grad = None
        torch.cuda.set_sync_debug_mode("error" if device == "cuda" else "default")
        try:
            loss = on_device(z, answer)
            loss.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        results.append((loss.detach().cpu(), z.grad.cpu()))
    assert_close(*results, rtol=1e-5, atol=1e-8)


@gpu_only
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("classes", "dtype"), list(itertools.product((100, 20000), GRADIENT_ERROR)))
def test_a_cuda_graph_replays_it(kind, classes, dtype):
    logits, generator = make_logits(64, classes, dtype)
    form = make_form(kind, 64, classes, generator)
    scale = torch.tensor(1 / 64, device=DEVICE)
    logits.requires_grad_()

    def step():
        return torch.autograd.grad(fused_cross_entropy(logits, form, scale).sum(), logits)[0]

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        logits.copy_(make_logits(64, classes, dtype, spread=2.0)[0])
    graph.replay()
    assert_close(captured, step(), rtol=0, atol=0)


@gpu_only
def test_more_than_2_to_the_31_logits():
    logits = torch.zeros(70_000, 32_000, dtype=torch.bfloat16, device=DEVICE)
    logits[-1, 5] = 8
    losses = fused_cross_entropy(logits, Uniform(torch.full((70_000,), 5, device=DEVICE), 1.0, 0.0, 32_000))
    assert_close(losses[0], torch.tensor(32_000.0, device=DEVICE).log())
    assert losses[-1] < 3
