"""Cutout, mixup and CutMix: what they do to normalised batches and their labels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smoothkit.augment.cutmix import CutMix
from smoothkit.augment.cutout import Cutout
from smoothkit.augment.mixup import Mixup, symmetric_beta

K = 4


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ones(batch=6, channels=2, height=10, width=8):
    return torch.ones(batch, channels, height, width)


def labels(batch=6):
    return torch.arange(batch) % K


def test_cutout_zeroes_one_clipped_square_in_all_channels():
    images = ones(batch=300)
    result, same = Cutout(4).batch(images, labels(300), generator(), K)
    assert torch.equal(same, labels(300))
    assert torch.equal(images, ones(batch=300)), "the input must stay"
    sizes = set()
    for image in result:
        assert torch.equal(image[0], image[1])
        rows, columns = (image[0] == 0).any(1).nonzero().flatten(), (image[0] == 0).any(0).nonzero().flatten()
        height, width = len(rows), len(columns)
        assert (image[0] == 0).sum() == height * width, "the hole is a rectangle"
        assert rows[-1] - rows[0] + 1 == height
        assert columns[-1] - columns[0] + 1 == width
        sizes.add((height, width))
    # A centre anywhere, sides of 4: two pixels before the centre and one after it, cut at the border to 2 or 3.
    assert sizes == {(h, w) for h in (2, 3, 4) for w in (2, 3, 4)}


def test_an_odd_cutout_is_centred():
    result, _ = Cutout(3).batch(torch.ones(200, 1, 5, 5), labels(200), generator(), K)
    assert (result == 0).sum((1, 2, 3)).max() == 9
    assert (result == 0).sum((1, 2, 3)).min() == 4


def test_a_hole_of_twice_the_side_leaves_nothing():
    result, _ = Cutout(20).batch(ones(), labels(), generator(), K)
    assert not result.any()


@given(seed=st.integers(0, 1000), alpha=st.floats(0.05, 5.0))
@settings(max_examples=50, deadline=None)
def test_mixup_mixes_images_and_labels_with_one_weight(seed, alpha):
    # Each image is its own one-hot class, so the mixed image must equal the mixed label.
    images, y = torch.eye(K).view(K, K, 1, 1), torch.arange(K)
    mixed, target = Mixup(alpha).batch(images, y, generator(seed), K)
    assert torch.equal(mixed.flatten(1), target)
    torch.testing.assert_close(target.sum(1), torch.ones(K))
    assert (target >= 0).all()
    assert torch.equal(images.flatten(1), torch.eye(K))
    weights = {round(value, 5) for value in target[target > 0].tolist()}
    assert len(weights) <= 3, "one lam for the batch: lam, 1 - lam, and 1 where a sample met itself"


def test_mixup_keeps_soft_labels_distributions():
    soft = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75]])
    _, target = Mixup().batch(torch.zeros(2, 3), soft, generator(), K)
    torch.testing.assert_close(target.sum(1), torch.ones(2))
    torch.testing.assert_close(target.mean(0), soft.mean(0))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_weight_is_beta_distributed(alpha):
    draws = generator(1)
    sample = [symmetric_beta(alpha, draws) for _ in range(4000)]
    assert stats.kstest(sample, stats.beta(alpha, alpha).cdf).pvalue > 0.001


@given(seed=st.integers(0, 2000), alpha=st.floats(0.2, 3.0), height=st.integers(2, 12), width=st.integers(2, 12))
@settings(max_examples=100, deadline=None)
def test_cutmix_weights_labels_by_the_exact_share_of_pixels(seed, alpha, height, width):
    images = torch.arange(K).float().view(K, 1, 1, 1).expand(K, 2, height, width)
    mixed, target = CutMix(alpha, probability=1.0).batch(images, torch.arange(K), generator(seed), K)
    shares = torch.stack([(mixed[:, 0] == k).float().mean((1, 2)) for k in range(K)], dim=1)
    torch.testing.assert_close(target, shares, rtol=0, atol=1e-7)
    assert torch.equal(mixed[:, 0], mixed[:, 1])


def test_cutmix_replaces_the_same_rectangle_in_every_image():
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 10, 8)
    mixed, _ = CutMix(probability=1.0).batch(images, labels(), generator(4), K)
    changed = mixed != images
    union = changed.any(0)
    rows, columns = union[0].any(1), union[0].any(0)
    assert torch.equal(union[0], rows.unsqueeze(1) & columns)
    for image in changed:
        assert torch.equal(image, union) or not image.any()


def test_cutmix_leaves_other_batches_alone():
    draws, mixed = generator(), 0
    for _ in range(1000):
        images, target = CutMix(probability=0.5).batch(ones(2), labels(2), draws, K)
        mixed += target.ndim == 2
    assert mixed == pytest.approx(500, abs=5 * 250**0.5)
    images = ones()
    result, y = CutMix(probability=0.0).batch(images, labels(), generator(), K)
    assert result is images
    assert torch.equal(y, labels())


@pytest.mark.parametrize("stage", [Cutout(4), Mixup(0.4), CutMix(0.7, 1.0)])
def test_a_stage_is_a_function_of_its_generator(stage):
    images = torch.randn(6, 2, 10, 8, generator=generator(9))
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again = (stage.batch(images, labels(), generator(5), K) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator must not move"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Cutout(0), "cutout: size is 0; expected at least 1"),
        (lambda: Mixup(0.0), "mixup: alpha is 0.0; expected a positive number"),
        (lambda: Mixup(float("nan")), "mixup: alpha is nan; expected a positive number"),
        (lambda: CutMix(-1.0), "cutmix: alpha is -1.0; expected a positive number"),
        (lambda: CutMix(1.0, 2.0), "cutmix: probability is 2.0; expected a probability, 0 to 1"),
    ],
)
def test_options_out_of_range_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("stage", [Cutout(2), CutMix()])
def test_features_have_no_pixels_to_cut(stage):
    with pytest.raises(ValueError, match=r"samples have shape \(5,\); expected images"):
        stage.batch(torch.zeros(2, 5), labels(2), generator(), K)
