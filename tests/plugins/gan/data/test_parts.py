"""Parts: what is trained on never meets what it is compared with, and members share one pool."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.errors import DataError, UserError
from smoothkit_gan.config import GanDataConfig
from smoothkit_gan.data.parts import draw_rows, gather, split_parts, split_together

DIGITS = 1797
COUNTS = {"train_rows": 1198, "reference_rows": 599, "feature_rows": 599, "held_out_rows": 599}


def config(name="digits", **values):
    return GanDataConfig.model_validate({"name": name, **values})


def rows(parts):
    return {name: set(getattr(parts, name).tolist()) for name in COUNTS}


def streams(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.fixture(scope="module")
def digits():
    return split_together(config(), [0, 1, 2])


# --- images ---------------------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.integers(0, 2**31), st.floats(0.05, 0.9) | st.integers(10, 1700))
def test_an_image_is_trained_on_or_referred_to_and_never_both(seed, reference):
    found = rows(split_parts(config(reference=reference), seed))
    count = round(reference * DIGITS) if isinstance(reference, float) else reference
    assert len(found["reference_rows"]) == count
    assert found["train_rows"] | found["reference_rows"] == set(range(DIGITS))
    assert not found["train_rows"] & found["reference_rows"]
    assert found["feature_rows"] | found["held_out_rows"] == found["train_rows"]
    assert not found["feature_rows"] & found["held_out_rows"]
    assert len(found["held_out_rows"]) == len(found["train_rows"]) // 2


def test_by_default_there_are_three_thirds(digits):
    assert {name: len(found) for name, found in rows(digits[0]).items()} == COUNTS
    parts = digits[0]
    sizes = [len(part) for part in (parts.train, parts.reference, parts.features, parts.held_out)]
    assert sizes == [1198, 599, 599, 599]
    assert (parts.shape, parts.mixture, parts.stacked) == ((1, 8, 8), None, False)


def test_class_shares_vary_as_those_of_random_choices():
    # The variance of a hypergeometric count, without which two real parts would be nearer than chance has them.
    every = split_together(config(), range(150))
    total = torch.bincount(every[0].pool.labels)[0].item() / DIGITS
    counts = torch.tensor([float((parts.reference.labels == 0).sum()) for parts in every])
    expected = 599 * total * (1 - total) * (DIGITS - 599) / (DIGITS - 1)
    assert abs(counts.mean().item() - 599 * total) < 4 * (expected / 150) ** 0.5
    assert 0.6 < counts.var().item() / expected < 1.5


def test_seeds_choose_differently_and_alone(digits):
    together = [rows(parts) for parts in digits]
    assert all(together[0][name] != together[1][name] for name in COUNTS)
    assert together[1] == rows(split_parts(config(), 1))


def test_members_share_one_pool(digits):
    assert len({parts.pool.images.data_ptr() for parts in digits}) == 1


# --- batches --------------------------------------------------------------------------------------------------------


def test_each_member_draws_from_its_own_rows_and_its_own_stream(digits):
    drawn = draw_rows(digits, streams(5, 6, 7), 4000)
    assert drawn.shape == (3, 4000)
    for parts, own in zip(digits, drawn, strict=True):
        assert set(own.tolist()) <= set(parts.train_rows.tolist())
    assert torch.equal(drawn[1:2], draw_rows(digits[1:2], streams(6), 4000))


def test_drawing_is_uniform(digits):
    counts = torch.bincount(draw_rows(digits[:1], streams(0), 200_000)[0], minlength=DIGITS)[digits[0].train_rows]
    expected = 200_000 / len(counts)
    statistic = ((counts - expected).square() / expected).sum().item()
    assert abs(statistic - len(counts)) < 5 * (2 * len(counts)) ** 0.5


def test_a_gathered_batch_is_each_members_own(digits):
    drawn = draw_rows(digits, streams(0, 1, 2), 16)
    batch = gather(digits, drawn)
    assert batch.shape == (3, 16, 1, 8, 8)
    for parts, own, found in zip(digits, drawn, batch, strict=True):
        assert torch.equal(found, parts.batch(own))
        assert torch.equal(parts.from_model(found), parts.pool.images[own])
    assert batch.min() >= -1
    assert batch.max() <= 1


# --- points and stacks ----------------------------------------------------------------------------------------------


def test_points_are_compared_with_the_test_part():
    parts = split_parts(config("ring", train_samples=300, test_samples=80), 0)
    assert torch.equal(parts.train.images, parts.data.train.images)
    assert torch.equal(parts.reference.images, parts.data.test.images)
    assert len(parts.features) == len(parts.held_out) == 0
    assert parts.mixture is parts.data.mixture
    model = parts.batch(parts.train_rows)
    assert model.square().mean().item() == pytest.approx(1, abs=1e-3)
    assert torch.allclose(parts.from_model(model), parts.train.images, atol=1e-5)


def test_stacks_come_with_single_digits_to_learn_from():
    parts = split_parts(config("stacked-digits", train_samples=15_000, test_samples=100), 0)
    assert parts.stacked
    assert (len(parts.train), len(parts.reference)) == (15_000, 100)
    assert parts.train.shape == (3, 8, 8)
    assert (len(parts.features), len(parts.held_out)) == (1437, 360)
    assert parts.features.shape == (1, 8, 8)
    assert parts.features.labels.max() == 9
    # One map for stacks and single digits, so that a classifier sees a channel as it learnt it.
    assert parts.to_model(parts.features.images).min() == -1


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [1794, 1e-4, 0.9999])
def test_a_reference_that_leaves_too_little_is_refused(reference):
    with pytest.raises(UserError, match=r"data\.reference is .* expected 2 to 1793"):
        split_parts(config(reference=reference), 0)


def saved(tmp_path, images, labels):
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    return config("npz", path=str(tmp_path / "set.npz"))


def test_features_without_a_density_are_refused(tmp_path):
    table = saved(tmp_path, np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2)
    with pytest.raises(DataError, match="samples are 3 features, whose density nobody knows"):
        split_parts(table, 0)


def test_streamed_images_are_refused(tmp_path):
    from PIL import Image

    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGB", (9, 9)).save(tmp_path / part / name / "0.png")
    with pytest.raises(DataError, match="streamed from files"):
        split_parts(config("folder", path=str(tmp_path), size=8), 0)


def test_soft_labels_count_for_their_most_probable_class(tmp_path):
    labels = np.arange(60) % 3
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), np.uint8)
    parts = split_parts(saved(tmp_path, images, 0.7 * np.eye(3)[labels] + 0.1), 0)
    assert torch.bincount(parts.pool.labels).tolist() == [20, 20, 20]
