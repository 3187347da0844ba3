"""What is said of generated images: the right things of known generators, and the same whenever it is asked."""

import gc
import math
import weakref

import pytest
import torch

from smoothkit.errors import UserError
from smoothkit_gan import image_evaluation
from smoothkit_gan.config import EvaluateConfig, GanDataConfig
from smoothkit_gan.data.parts import split_parts
from smoothkit_gan.image_evaluation import image_constants, image_note, image_results, inception_results
from smoothkit_gan.metrics import features
from smoothkit_gan.metrics.frechet import frechet_distance
from smoothkit_gan.metrics.neighbours import neighbours

CONFIG = EvaluateConfig(samples=1300, feature_nets=2)
FD, KID = "fd_digits-mlp32", "kid_digits-mlp32"


@pytest.fixture(scope="module")
def parts():
    return split_parts(GanDataConfig(name="digits"), seed=0)


@pytest.fixture(scope="module")
def constants(parts):
    return image_constants(CONFIG, parts, 0)


def source() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def drawn(images: torch.Tensor, count: int = 1300) -> torch.Tensor:
    """Images with replacement, a little off each other so that no two coincide."""
    chosen = images[torch.randint(len(images), (count,), generator=source())]
    return chosen + 1e-4 * torch.randn(chosen.shape, generator=source())


def results(parts, images: torch.Tensor) -> dict[str, float]:
    return dict(image_results(CONFIG, parts, images, 0).scalars)


def test_floors_are_of_real_images_and_baselines_are_worse(constants):
    assert constants["compared"] == 599
    assert constants["net_accuracy"] > 0.93
    assert constants["precision_floor"] > 0.9
    assert constants["coverage_floor"] > 0.9
    assert constants[f"{FD}_gaussian"] > 3 * constants[f"{FD}_floor"]
    assert constants[f"{KID}_gaussian"] > 0.05 > abs(constants[f"{KID}_floor"])
    assert constants["coverage_gaussian"] < 0.6
    assert not [name for name in constants if "spread" in name]


def test_copies_of_training_images_are_perfect_and_found_out(parts, constants):
    found = results(parts, drawn(parts.batch(parts.train_rows)))
    assert found["coverage"] > 0.85
    assert found[FD] < 2 * constants[f"{FD}_floor"] + 0.2
    assert found["near_copies"] == 1.0
    assert found["nearest_training"] < 1e-3 < constants["nearest_training_floor"]


def test_a_collapsed_generator_is_precise_and_covers_nothing(parts):
    # Of five classes the training image next to the mean: any five might be odd ones, which nothing real is near.
    images, labels = parts.batch(parts.train_rows), parts.train.labels
    classes = [images[labels == label] for label in range(5)]
    typical = [own[(own - own.mean(0)).flatten(1).norm(dim=1).argmin()] for own in classes]
    found = results(parts, drawn(torch.stack(typical)))
    assert found["precision"] > 0.9
    assert found["coverage"] < 0.15
    assert found["recall"] < 0.15


def test_half_of_the_classes_are_missed(parts, constants):
    low = parts.train_rows[parts.train.labels < 5]
    found = results(parts, drawn(parts.batch(low)))
    assert found["recall"] < 0.7 < found["precision"]
    assert found[KID] > constants[f"{KID}_gaussian"]
    low_end, high_end = image_results(CONFIG, parts, drawn(parts.batch(low)), 0).intervals[KID]
    assert 0 < low_end < found[KID] < high_end


def test_numbers_are_means_over_blocks_and_nets(parts, constants):
    # Three blocks would be 1797: of 1300 samples the last 102 are not compared.
    samples = drawn(parts.batch(parts.train_rows))
    judge = image_evaluation.judge_of(CONFIG, parts, 0)
    by_net = []
    for net, scale, reference in zip(judge.nets, judge.scales, judge.references, strict=True):
        blocks = [scale(net.features(samples[start : start + 599])) for start in (0, 599)]
        distance = sum(frechet_distance(reference, block) for block in blocks) / 2
        coverage = sum(neighbours(reference, block).coverage for block in blocks) / 2
        by_net.append((distance, coverage))
    found = results(parts, samples)
    (first, cover), (second, other) = by_net
    assert found[FD] == pytest.approx((first + second) / 2)
    assert found["coverage"] == pytest.approx((cover + other) / 2)
    assert found[f"{FD}_spread"] == pytest.approx(abs(first - second) / math.sqrt(2), rel=1e-4)


def test_nothing_depends_on_earlier_calls_or_on_torchs_generator(parts, monkeypatch):
    monkeypatch.setattr(features, "STEPS", 30)
    config = EvaluateConfig(samples=700, feature_nets=1)
    samples = drawn(parts.batch(parts.train_rows), 700)
    found = []
    for disturb in (0, 1):
        fresh = split_parts(GanDataConfig(name="digits"), seed=0)
        torch.manual_seed(disturb)
        state = torch.get_rng_state()
        if disturb:
            image_results(config, fresh, samples.flip(0), 0)
        with torch.inference_mode():
            found.append(image_results(config, fresh, samples, 0))
        assert torch.equal(torch.get_rng_state(), state)
        found.append(image_constants(config, fresh, 0))
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert f"{FD}_spread" not in found[0].scalars


def test_judges_go_with_their_parts(monkeypatch):
    monkeypatch.setattr(features, "STEPS", 1)
    parts = split_parts(GanDataConfig(name="digits"), seed=3)
    judge = weakref.ref(image_evaluation.judge_of(CONFIG, parts, 3))
    assert image_evaluation.judge_of(CONFIG, parts, 3) is judge()
    assert image_evaluation.judge_of(CONFIG, parts, 4) is not judge()
    del parts
    gc.collect()
    assert judge() is None


def test_the_note_names_nets_and_weights(parts):
    note = image_note(CONFIG, parts, 0)
    assert note.startswith("feature nets digits-mlp32: accuracy 0.9")
    assert all(net.fingerprint in note for net in image_evaluation.judge_of(CONFIG, parts, 0).nets)


def test_too_few_samples_and_too_few_images(parts):
    with pytest.raises(ValueError, match="there are 598 samples; expected at least 599"):
        image_results(CONFIG, parts, drawn(parts.batch(parts.train_rows), 598), 0)
    few = split_parts(GanDataConfig(name="digits", reference=10), seed=0)
    with pytest.raises(UserError, match=r"data.reference: 10 images can be compared.*evaluate.neighbours = 10"):
        image_constants(EvaluateConfig(neighbours=10), few, 0)


def test_inception_is_asked_only_with_a_file(parts, monkeypatch):
    samples = drawn(parts.batch(parts.train_rows), 700)
    assert inception_results(CONFIG, parts, samples, 0).scalars == {}
    asked = []
    monkeypatch.setattr(image_evaluation, "inception_distance", lambda *given: asked.append(given) or 1.5)
    found = inception_results(EvaluateConfig(inception="w.pth"), parts, samples, 0)
    assert found.scalars == {"fid": 1.5, "fid_floor": 1.5}
    assert [(weights, len(reference), len(images)) for weights, reference, images in asked] == [("w.pth", 599, 599)] * 2
    assert torch.equal(asked[0][2], samples[:599])
