"""LS++: the two halves, the gradient of C, the released loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, LabelSmoothingPP, OneHot
from smoothkit.targets.learned import off_diagonal, with_zero_diagonal

K = 5


def made(seed=0, num_classes=K, **options):
    """A target in float64 whose C is no longer uniform."""
    target = LabelSmoothingPP(num_classes, **options).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        target.theta.copy_(torch.randn(num_classes, num_classes - 1, generator=generator))
    return target


def batch(seed=0, size=11, spatial=()):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(size, K, *spatial, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(K, (size, *spatial), generator=generator)


def gradients(loss, target, logits):
    return torch.autograd.grad(loss, (logits, target.theta), allow_unused=True)


@given(st.integers(2, 12))
def test_the_zero_diagonal_comes_and_goes(size):
    rows = torch.arange(1.0, size * (size - 1) + 1).reshape(size, size - 1)
    matrix = with_zero_diagonal(rows)
    assert matrix.diagonal().count_nonzero() == 0
    assert_close(matrix[~torch.eye(size, dtype=torch.bool)], rows.flatten())
    assert_close(off_diagonal(matrix), rows)


def test_c_is_row_stochastic_without_the_label_itself():
    target = made()
    assert_close(target.C.sum(dim=1), torch.ones(K, dtype=torch.float64))
    assert target.C.diagonal().count_nonzero() == 0
    assert_close(target.matrix(), (0.9 * torch.eye(K, dtype=torch.float64) + 0.1 * target.C).detach())


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
def test_at_the_start_it_is_label_smoothing_over_the_others(alpha):
    logits, labels = batch()
    ours = LabelSmoothingPP(K, alpha)
    theirs = LabelSmoothing(K, alpha, "others")
    assert_close(ours(logits, labels), theirs(logits, labels), rtol=1e-6, atol=1e-6)
    assert repr(ours).split("true_mass")[1] == repr(theirs).split("true_mass")[1]


def test_the_value_is_the_cross_entropy_to_the_target_alone():
    target, (logits, labels) = made(), batch()
    expected = torch.nn.functional.cross_entropy(logits, target.distribution(labels))
    assert_close(target(logits, labels), expected, rtol=0, atol=1e-14)
    with torch.no_grad():
        assert_close(target(logits, labels), expected, rtol=0, atol=1e-14)


def test_each_half_trains_its_own_side():
    """The network sees H(t, p) with t fixed; C sees H(p, t) with p fixed. Written out in full, with the log of t."""
    target, (logits, labels) = made(alpha=0.3), batch()
    ours = gradients(target(logits, labels), target, logits)
    t = (0.7 * torch.eye(K, dtype=torch.float64) + 0.3 * target.C)[labels]
    network = -(t.detach() * logits.log_softmax(dim=1)).sum(dim=1).mean()
    matrix = -(logits.detach().softmax(dim=1) * t.log()).sum(dim=1).mean()
    theirs = gradients(network + matrix, target, logits)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, rtol=0, atol=1e-14)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**31),
    alpha=st.floats(0, 1),
    scale=st.floats(0.1, 3),
    reduction=st.sampled_from(["mean", "sum"]),
    weighted=st.booleans(),
    spatial=st.sampled_from([(), (3,), (2, 2)]),
)
def test_the_gradient_of_theta_follows_from_the_logit_gradient(seed, alpha, scale, reduction, weighted, spatial):
    """With G the sum of the logit gradients over the rows of each label: -offdiag(G + diag(G) C)."""
    target = made(seed, alpha=alpha, scale=scale)
    logits, labels = batch(seed, spatial=spatial)
    labels[0] = -100
    weight = torch.linspace(0.5, 2, K, dtype=torch.float64) if weighted else None
    logit_gradient, theta_gradient = gradients(target(logits, labels, weight, reduction), target, logits)
    rows, index = logit_gradient.movedim(1, -1).reshape(-1, K), labels.flatten()
    kept = index != -100
    G = torch.zeros(K, K, dtype=torch.float64).index_add(0, index[kept], rows[kept])
    expected = -off_diagonal(G + G.diagonal().unsqueeze(1) * target.C)
    assert_close(theta_gradient, expected, rtol=0, atol=1e-12)


def test_at_the_fixed_point_c_is_the_mean_prediction_off_the_label():
    target = made(alpha=0.2)
    logits, labels = batch(size=60)
    probs = logits.detach().softmax(dim=1)
    grouped = torch.zeros(K, K, dtype=torch.float64).index_add(0, labels, probs)
    off = grouped * (1 - torch.eye(K, dtype=torch.float64))
    mean = off / off.sum(dim=1, keepdim=True)
    with torch.no_grad():
        target.theta.copy_(off_diagonal(mean).log())
    assert_close(target.C.detach(), mean)
    theta_gradient = gradients(target(logits, labels), target, logits)[1]
    assert_close(theta_gradient, torch.zeros_like(theta_gradient), rtol=0, atol=1e-14)


def test_descent_finds_the_fixed_point():
    target = LabelSmoothingPP(K).double()
    logits, labels = batch(size=60)
    optimiser = torch.optim.SGD(target.parameter_groups(), lr=20.0)
    for _ in range(120):
        optimiser.zero_grad()
        target(logits.detach(), labels).backward()
        optimiser.step()
    probs = logits.detach().softmax(dim=1)
    off = torch.zeros(K, K, dtype=torch.float64).index_add(0, labels, probs) * (1 - torch.eye(K, dtype=torch.float64))
    assert_close(target.C.detach(), off / off.sum(dim=1, keepdim=True), rtol=1e-6, atol=1e-6)


def test_c_learns_whatever_alpha_is():
    logits, labels = batch()
    found = []
    for alpha in (0.0, 0.4, 1.0):
        target = made(alpha=alpha)
        found.append(gradients(target(logits, labels), target, logits)[1])
    assert found[0].abs().max() > 1e-3
    assert_close(found[0], found[1])
    assert_close(found[0], found[2])


def test_scale_multiplies_both_halves():
    logits, labels = batch()
    full, half = made(), made(scale=0.5)
    assert_close(half(logits, labels), full(logits, labels) / 2)
    for a, b in zip(
        gradients(half(logits, labels), half, logits), gradients(full(logits, labels), full, logits), strict=True
    ):
        assert_close(a, b / 2)


@pytest.mark.parametrize("paper_mode", [False, True])
def test_soft_labels_train_c_only_when_asked(paper_mode):
    logits, labels = batch()
    soft = OneHot(K).distribution(labels, logits)
    silent, asked = made(paper_mode=paper_mode), made(paper_mode=paper_mode, learn_from_soft=True)
    hard_gradient = gradients(asked(logits, labels), asked, logits)[1]
    assert gradients(silent(logits, soft), silent, logits)[1] is None
    assert_close(gradients(asked(logits, soft), asked, logits)[1], hard_gradient)


def test_a_mixed_label_trains_each_class_by_its_share():
    target = made(learn_from_soft=True)
    logits, labels = batch()
    partner = labels.flip(0)
    one_hot = OneHot(K)
    mixed = 0.3 * one_hot.distribution(labels, logits) + 0.7 * one_hot.distribution(partner, logits)
    ours = gradients(target(logits, mixed), target, logits)
    theirs = gradients(0.3 * target(logits, labels) + 0.7 * target(logits, partner), target, logits)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b)


def released(logits, labels, theta, alpha):
    """The released loss, restated from its description: half of two cross-entropies with 1e-6 inside the logarithms."""
    rows = []
    for label in labels.tolist():
        spread = torch.softmax(theta[label], dim=0)
        zero = torch.zeros(1, dtype=theta.dtype)
        c = torch.cat([spread[:label], zero, spread[label:]])
        t = alpha * c
        t = torch.stack([t[k] + (1 - alpha) * (k == label) for k in range(len(t))])
        rows.append(t)
    t = torch.stack(rows)
    p = torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True)
    for_matrix = -(p.detach() * torch.log(t + 1e-6)).sum(dim=1)
    for_network = -(t.detach() * torch.log(p + 1e-6)).sum(dim=1)
    return (0.5 * (for_matrix + for_network)).mean()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), alpha=st.floats(0, 1), spread=st.floats(0.1, 8))
def test_paper_mode_is_the_released_loss(seed, alpha, spread):
    target = made(seed, alpha=alpha, paper_mode=True)
    logits, labels = batch(seed)
    logits = (spread * logits.detach()).requires_grad_()
    ours, theirs = target(logits, labels), released(logits, labels, target.theta, alpha)
    assert_close(ours, theirs, rtol=0, atol=1e-6)
    for a, b in zip(gradients(ours, target, logits), gradients(theirs, target, logits), strict=True):
        assert_close(a, b, rtol=0, atol=1e-6)


def test_paper_mode_fades_the_gradient_of_very_wrong_rows():
    """The factor is p/(p + 1e-6): K = 2 logits at a margin of 13.8 against the label keep about half."""
    logits = torch.tensor([[0.0, 13.8155, -50.0]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0])
    clean = torch.autograd.grad(LabelSmoothingPP(3, 0.0)(logits, label), logits)[0]
    faded = torch.autograd.grad(2 * LabelSmoothingPP(3, 0.0, paper_mode=True)(logits, label), logits)[0]
    assert (faded / clean)[0, 0].item() == pytest.approx(0.5, abs=1e-4)


def test_paper_mode_at_the_start_is_near_half_of_label_smoothing():
    """The network's half alone: its logit gradient is half of that of LS "others", up to the epsilon."""
    logits, labels = batch()
    ours = torch.autograd.grad(LabelSmoothingPP(K, paper_mode=True)(logits, labels), logits)[0]
    theirs = torch.autograd.grad(LabelSmoothing(K, 0.1, "others")(logits, labels), logits)[0]
    assert_close(2 * ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("paper_mode", [False, True])
def test_class_weights_count_rows_in_cs_half_in_both_modes(paper_mode):
    logits, labels = batch()
    weight = torch.linspace(0.5, 2, K, dtype=torch.float64)
    found = []
    for mode in ("sample", "torch"):
        target = made(weight_mode=mode, paper_mode=paper_mode)
        found.append(gradients(target(logits, labels, weight), target, logits)[1])
    assert_close(found[0], found[1])


def test_its_optimiser_group_carries_the_temperature():
    target = LabelSmoothingPP(K, weight_decay=5e-4, lr=0.01)
    assert target.parameter_groups() == [{"params": [target.theta], "weight_decay": 5e-4, "lr": 0.01}]
    assert "lr" not in LabelSmoothingPP(K).parameter_groups()[0]
    optimiser = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))]}], lr=0.1, weight_decay=1e-4)
    for group in target.parameter_groups():
        optimiser.add_param_group(group)
    assert [group["weight_decay"] for group in optimiser.param_groups] == [1e-4, 5e-4]


def test_c_is_in_the_checkpoint_as_the_authors_store_it():
    assert {name: tuple(value.shape) for name, value in made().state_dict().items()} == {"theta": (K, K - 1)}


def test_two_classes_leave_nothing_to_learn():
    with pytest.warns(UserWarning, match="num_classes=2 leaves LS"):
        target = LabelSmoothingPP(2)
    logits = torch.randn(4, 2, requires_grad=True)
    theta_gradient = torch.autograd.grad(target(logits, torch.tensor([0, 1, 1, 0])), target.theta)[0]
    assert theta_gradient.count_nonzero() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -0.1}, "alpha is -0.1; expected a number from 0 to 1"),
        ({"scale": -1.0}, "scale is -1.0; expected a number of at least 0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"scale": 0.5, "paper_mode": True}, "leave scale at 1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LabelSmoothingPP(K, **options)
