"""The modes of stacks: all of them for real ones, and what a baseline that knows no digit gets."""

import pytest
import torch

from smoothkit_gan.config import EvaluateConfig, GanDataConfig
from smoothkit_gan.data.parts import split_parts
from smoothkit_gan.image_evaluation import image_constants, image_note, image_results, inception_results, judge_of

CONFIG = EvaluateConfig(samples=8000, feature_nets=1)


@pytest.fixture(scope="module")
def parts():
    return split_parts(GanDataConfig(name="stacked-digits", train_samples=20_000, test_samples=8000), seed=0)


@pytest.fixture(scope="module")
def constants(parts):
    return image_constants(CONFIG, parts, 0)


def test_real_stacks_have_all_modes_at_about_the_floor(parts, constants):
    found = image_results(CONFIG, parts, parts.batch(parts.reference_rows), 0).scalars
    assert found["modes"] >= 998
    assert constants["modes_perfect"] == pytest.approx(1000 - 1000 * 0.999**8000)
    assert constants["reverse_kl_floor"] < found["reverse_kl"] < constants["reverse_kl_floor"] + 0.03
    assert found["reverse_kl"] == pytest.approx(constants["reverse_kl_real"], abs=0.02)
    assert constants["net_accuracy"] > 0.95


def test_real_channels_are_confident_as_often_as_the_threshold_says(constants):
    assert constants["confident_real"] == pytest.approx(0.95**3, abs=0.02)


def test_the_baseline_has_modes_but_no_digits(constants):
    assert constants["modes_gaussian"] > 900
    assert constants["confident_gaussian"] < 0.2
    assert constants["confident_reverse_kl_gaussian"] > constants["reverse_kl_gaussian"]


def test_labels_are_those_of_the_channels_in_their_order(parts):
    rows = parts.reference_rows[:2000]
    labels, sure = judge_of(CONFIG, parts, 0).judge(parts.batch(rows))
    right = labels == parts.pool.labels[rows]
    assert right.double().mean() > 0.88
    assert right[sure].double().mean() > right.double().mean()


def test_a_collapse_is_one_mode_with_the_largest_divergence(parts):
    one = parts.batch(parts.reference_rows[:1]).expand(500, -1, -1, -1)
    found = image_results(CONFIG, parts, one, 0).scalars
    assert found["modes"] == 1
    assert found["reverse_kl"] == pytest.approx(torch.tensor(1000.0).log().item())


def test_noise_is_hardly_ever_confident(parts):
    noise = torch.rand(2000, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert image_results(CONFIG, parts, noise, 0).scalars["confident"] < 0.2


def test_the_note_and_inception(parts):
    assert image_note(CONFIG, parts, 0).startswith("feature nets digits-mlp128: accuracy 0.9")
    assert inception_results(EvaluateConfig(inception="w.pth"), parts, torch.zeros(9, 3, 8, 8), 0).scalars == {}
