"""The target distribution of an estimator's pseudo-label: a registered target, without a training loop around it."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from smoothkit.errors import UserError
from smoothkit.scenario import TargetConfig
from smoothkit.targets import Target
from smoothkit_selftrain.caps import cap_of, is_starving
from smoothkit_selftrain.labelling.labels import LabelKind, sharpened

TargetChoice = str | Mapping[str, Any] | Target
"""A registered name; a name with options, as in a scenario file's `[target]`; or a target, which is copied."""


def build_target(choice: Any, num_classes: int) -> Target:
    """The target that `choice`, a `TargetChoice`, names, if labels and the teacher's distribution alone define it.

    Raises:
        ValueError: there is no such target, it refuses its options, is of another number of classes, or is no
            distribution that weighted samples could stand for: a loss of another form, one with negative entries, one
            that follows the model's own training.
    """
    if isinstance(choice, Target):
        target = deepcopy(choice)
    elif not isinstance(choice, str | Mapping):
        raise ValueError(f"target is {choice!r}; expected a name, a dictionary of its name and options, or a Target")
    else:
        try:
            target = TargetConfig.model_validate(choice if isinstance(choice, str) else dict(choice)).build(
                num_classes=num_classes
            )
        except UserError as error:
            raise ValueError(f"target is {choice!r}: {error}") from error
    if target.num_classes != num_classes:
        raise ValueError(f"target {target} is of {target.num_classes} classes, and y has {num_classes}")
    if reason := _objection(target):
        raise ValueError(
            f"target is {choice!r}, and {type(target).__name__} {reason}: an estimator needs a distribution for each "
            "label, such as 'onehot', 'ls', 'classwise-ls', 'adaptive-ls' or 'measured-ls'"
        )
    return target


def _objection(target: Target) -> str | None:
    """Why a target cannot be learned through weighted samples; None where it can."""
    kind = type(target)
    if kind.row_loss is not Target.row_loss:
        return "is not the cross-entropy to a distribution that stays the same"
    if next(target.parameters(), None) is not None or kind.update is not Target.update or "index" in target.needs:
        return "learns or remembers something at each training step"
    classes = torch.arange(target.num_classes)
    try:
        rows = target.distribution(classes, teacher=torch.zeros(len(classes), len(classes)))
    except ValueError as error:
        return f"cannot tell its distributions beforehand ({error})"
    return "has negative entries" if bool((rows < 0).any()) else None


def measures_errors(target: Target | None) -> bool:
    """Whether a target learns from predictions on held-out samples."""
    return target is not None and type(target).end_validation is not Target.end_validation


def starving_cap(target: Target | None, labels: LabelKind, threshold: float) -> float | None:
    """The most that a model which fits the target of hard labels puts on a class, where it starves the threshold.

    >>> from smoothkit.targets import LabelSmoothing
    >>> round(starving_cap(LabelSmoothing(10, alpha=0.3), "hard", 0.75), 6)
    0.73
    """
    cap = cap_of(target) if target is not None and labels == "hard" else None
    return cap if cap is not None and is_starving(threshold, cap) else None


def log_probabilities(probabilities: Float[np.ndarray, "samples classes"]) -> Float32[torch.Tensor, "samples classes"]:
    """Logits whose softmax the probabilities are, finite where one is 0: what a target calls its teacher's."""
    tiny = torch.finfo(torch.float32).tiny
    return torch.from_numpy(probabilities).float().clamp(min=tiny).log()


def pseudo_distributions(
    target: Target | None,
    probabilities: Float[np.ndarray, "samples classes"],
    labels: LabelKind,
    temperature: float,
) -> Float[np.ndarray, "samples classes"]:
    """What is learned of samples whose classes have these probabilities: the target of their hard or soft labels.

    A hard label is the most probable class; a soft one is q^(1/T), normalised. Without a target, as where there is one
    class alone, it is the label itself.
    """
    classes = probabilities.argmax(axis=1)
    if target is None:
        return np.eye(probabilities.shape[1])[classes]
    logits = log_probabilities(probabilities)
    label = torch.from_numpy(classes) if labels == "hard" else sharpened(logits, temperature)
    return target.distribution(label, teacher=logits).numpy()
