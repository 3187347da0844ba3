"""Generated images against real ones: distances in features of small classifiers, and copies of training images.

The classifiers see neither the reference nor the held-out part, the generator never sees the reference. What is the
same for every generator stands in `constants`: what real, held-out images get in the same comparison (`_floor`), and
what a Gaussian fitted to the training images' pixels gets (`_gaussian`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.scenario import Result
from smoothkit.seeding import derived_generator
from smoothkit_gan.config import EvaluateConfig
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.metrics.features import FeatureNet, Scale, accuracy, train_feature_nets
from smoothkit_gan.metrics.frechet import frechet_distance
from smoothkit_gan.metrics.gaussian import gaussian_images
from smoothkit_gan.metrics.kernel import kernel_distance
from smoothkit_gan.metrics.memorisation import near_copies, nearest_distances
from smoothkit_gan.metrics.neighbours import neighbours

MOST_FITTED = 10_000
"""Training images that the Gaussian is fitted to, at most."""

CHUNK = 8192
"""Training images that are in floating point at a time."""

Samples = Float32[Tensor, "samples ..."]


@dataclass(frozen=True, eq=False)
class ImageJudge:
    """Feature nets with the reference in their features, and what never changes during a run."""

    nets: tuple[FeatureNet, ...]
    scales: tuple[Scale, ...]
    references: tuple[Float[Tensor, "reference dims"], ...]
    """Standardised features of the reference, for each net."""
    unseen: Float[Tensor, " reference"]
    """Distances of the reference images to their nearest training images."""
    neighbours: int
    constants: Mapping[str, float]
    """Floors, baselines, the nets' accuracy and the number of images that are compared."""

    def measure(self, parts: Parts, samples: Samples) -> Result:
        """Everything that is said of these samples.

        Raises:
            ValueError: there are fewer samples than reference images.
        """
        found, intervals = self.compare(samples)
        distances = nearest_distances(samples, _training(parts))
        copies = {
            "nearest_training": distances.median().item(),
            "near_copies": near_copies(distances, self.unseen),
        }
        return Result(scalars={**found, **copies}, intervals=intervals)

    def compare(self, samples: Samples) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
        """Means over nets and over blocks of samples, spreads over nets, and the kernel distance's interval."""
        count = len(self.references[0])
        if len(samples) < count:
            raise ValueError(f"image_results: there are {len(samples)} samples; expected at least {count}")
        blocks = samples[: len(samples) // count * count].split(count)
        by_net = [
            _means([_measures(scale(net.features(block)), reference, net.name, self.neighbours) for block in blocks])
            for net, scale, reference in zip(self.nets, self.scales, self.references, strict=True)
        ]
        found = _means(by_net)
        intervals = {f"kid_{self.nets[0].name}": (found.pop("low"), found.pop("high"))}
        if len(by_net) > 1:
            found |= {f"{name}_spread": torch.tensor([net[name] for net in by_net]).std().item() for name in found}
        return found, intervals


def make_image_judge(config: EvaluateConfig, parts: Parts, seed: int) -> ImageJudge:
    """Train the nets and measure what is the same for every generator; everything random comes from `seed`.

    Raises:
        UserError: there are too few images to compare.
    """
    reference, held_out = compared_images(config, parts, seed)
    nets = train_feature_nets(parts, config.feature_nets, seed)
    features = [net.features(reference) for net in nets]
    scales = tuple(Scale.of(each) for each in features)
    references = tuple(scale(each) for scale, each in zip(scales, features, strict=True))
    unseen = nearest_distances(reference, _training(parts))
    judge = ImageJudge(nets, scales, references, unseen, config.neighbours, {})
    labelled = parts.held_out
    images = parts.to_model(labelled.images)
    constants = {
        **_named(judge.compare(held_out)[0], "floor"),
        **_named(judge.compare(_baseline(config, parts, seed))[0], "gaussian"),
        "nearest_training_floor": unseen.median().item(),
        "net_accuracy": sum(accuracy(net.probabilities(images), labelled.labels) for net in nets) / len(nets),
        "compared": float(len(reference)),
    }
    return ImageJudge(nets, scales, references, unseen, config.neighbours, constants)


def compared_images(
    config: EvaluateConfig, parts: Parts, seed: int
) -> tuple[Float32[Tensor, "compared ..."], Float32[Tensor, "compared ..."]]:
    """Random images of the reference and as many held-out ones, so that floors are of the same number of images.

    That is `evaluate.samples`, or as many as both parts have.

    Raises:
        UserError: there are no more than `evaluate.neighbours`.
    """
    count = min(config.samples, len(parts.reference_rows), len(parts.held_out_rows))
    if count <= max(config.neighbours, 2):
        raise UserError(
            f"data.reference: {count} images can be compared, with {len(parts.reference_rows)} in the reference and "
            f"{len(parts.held_out_rows)} held out; expected more than evaluate.neighbours = {config.neighbours}: take "
            "a larger set, or divide it more evenly"
        )
    source = derived_generator(seed, "gan compared images")
    reference, held_out = (
        parts.batch(rows[torch.randperm(len(rows), generator=source)[:count]])
        for rows in (parts.reference_rows, parts.held_out_rows)
    )
    return reference, held_out


def _baseline(config: EvaluateConfig, parts: Parts, seed: int) -> Samples:
    source = derived_generator(seed, "gan gaussian baseline")
    chosen = torch.randperm(len(parts.train_rows), generator=source)[:MOST_FITTED]
    return gaussian_images(parts.batch(parts.train_rows[chosen]), config.samples, source)


def _training(parts: Parts) -> Iterator[Float32[Tensor, "_ ..."]]:
    return (parts.batch(rows) for rows in parts.train_rows.split(CHUNK))


def _measures(
    features: Float[Tensor, "samples dims"], reference: Float[Tensor, "reference dims"], name: str, k: int
) -> dict[str, float]:
    """Every measure of one block of samples in the features of one net."""
    kernel = kernel_distance(reference, features)
    return {
        f"fd_{name}": frechet_distance(reference, features),
        f"kid_{name}": kernel.estimate,
        "low": kernel.low,
        "high": kernel.high,
        **neighbours(reference, features, k)._asdict(),
    }


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}


def _named(found: Mapping[str, float], suffix: str) -> dict[str, float]:
    return {f"{name}_{suffix}": value for name, value in found.items() if not name.endswith("_spread")}
