"""Generated stacks of digits: how many of the thousand modes there are, and whether their channels look like digits.

A classifier of single images names the mode of a stack, whatever the stack looks like: draws from a Gaussian fitted to
pixels reach all modes of stacked 8 x 8 digits, rather evenly. So modes stand beside `confident`, the share of stacks
whose channels the classifier is all as sure of as of real images.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from smoothkit.scenario import Result
from smoothkit.seeding import derived_generator
from smoothkit_gan.config import EvaluateConfig
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.data.stacked import CHANNELS, stack_labels
from smoothkit_gan.metrics.features import LABEL_WIDTHS, FeatureNet, accuracy, train_feature_nets
from smoothkit_gan.metrics.gaussian import gaussian_images
from smoothkit_gan.metrics.modes import label_statistics

SURE = 0.05
"""The share of real, held-out images that the classifier is less sure of than `confident` asks for."""

MOST_FITTED = 10_000
"""Training stacks that the Gaussian is fitted to, at most."""

Stacks = Float32[Tensor, "samples 3 height width"]


@dataclass(frozen=True, eq=False)
class StackJudge:
    """Classifiers of single images, who say together what a channel shows."""

    nets: tuple[FeatureNet, ...]
    threshold: float
    """The probability of the best class that all but `SURE` of held-out real images reach."""
    classes: int
    """Of stacks."""
    constants: Mapping[str, float]
    """What real stacks and the Gaussian baseline come to, and how often the classifiers are right."""

    def measure(self, parts: Parts, samples: Stacks) -> Result:
        """Everything that is said of these stacks; `parts` is not used."""
        return Result(scalars=self.count(samples))

    def count(self, samples: Stacks) -> dict[str, float]:
        """Modes and their evenness, among all stacks and among those that look like digits."""
        labels, sure = self.judge(samples)
        found, confident = label_statistics(labels, self.classes), label_statistics(labels[sure], self.classes)
        return {
            "modes": float(found.modes),
            "reverse_kl": found.reverse_kl,
            "confident": sure.double().mean().item(),
            "confident_modes": float(confident.modes),
            "confident_reverse_kl": confident.reverse_kl,
        }

    def judge(self, samples: Stacks) -> tuple[Int64[Tensor, " samples"], Bool[Tensor, " samples"]]:
        """The label of each stack, and whether the classifiers are sure of all its channels."""
        probabilities = _together(self.nets, samples.flatten(0, 1).unsqueeze(1))
        best = probabilities.max(1)
        labels = stack_labels(best.indices.view(-1, CHANNELS))
        return labels, (best.values.view(-1, CHANNELS) >= self.threshold).all(1)


def make_stack_judge(config: EvaluateConfig, parts: Parts, seed: int) -> StackJudge:
    """Train the classifiers, and count the modes of real stacks and of the baseline, as many as `evaluate.samples`.

    Real stacks are made of held-out images, which neither classifiers nor generator have seen.
    """
    nets = train_feature_nets(parts, config.feature_nets, seed, LABEL_WIDTHS)
    labelled = parts.held_out
    images = parts.to_model(labelled.images)
    probabilities = _together(nets, images)
    # On the CPU, as a quantile of many numbers is refused elsewhere.
    threshold = probabilities.amax(1).double().cpu().kthvalue(1 + int(SURE * len(images))).values.item()
    judge = StackJudge(nets, threshold, parts.data.num_classes, {})
    source = derived_generator(seed, "gan real stacks")
    chosen = torch.randint(len(images), (config.samples, CHANNELS), generator=source).to(images.device)
    fitted = parts.train_rows[torch.randperm(len(parts.train_rows), generator=source)[:MOST_FITTED]]
    baseline = gaussian_images(parts.batch(fitted), config.samples, source)
    uniform = label_statistics(torch.zeros(config.samples, dtype=torch.int64), judge.classes)
    constants = {
        "modes_perfect": uniform.expected_modes,
        "reverse_kl_floor": uniform.kl_floor,
        **{f"{name}_real": value for name, value in judge.count(images[chosen].squeeze(2)).items()},
        **{f"{name}_gaussian": value for name, value in judge.count(baseline).items()},
        "net_accuracy": accuracy(probabilities, labelled.labels),
    }
    return StackJudge(nets, threshold, judge.classes, constants)


def _together(nets: tuple[FeatureNet, ...], images: Float32[Tensor, "batch 1 height width"]) -> Tensor:
    """The mean of the nets' probabilities (batch, classes)."""
    return torch.stack([net.probabilities(images) for net in nets]).mean(0)
