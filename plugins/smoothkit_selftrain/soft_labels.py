"""Soft pseudo-labels that take from a target what makes it another than its neighbour: such a pair is refused."""

from copy import deepcopy

import torch
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.targets import Target
from smoothkit_selftrain.config import PseudoConfig
from smoothkit_selftrain.labelling.labels import sharpened
from smoothkit_selftrain.member_targets import MemberTargets


def check_soft_labels(pseudo: PseudoConfig, targets: MemberTargets) -> None:
    """Refuse soft labels with a target that learns from the steps of hard ones alone, or that mixes the label with a
    teacher's prediction which is the label.

    Raises:
        UserError: it names the target and the mend.
    """
    if pseudo.labels != "soft":
        return
    first, name = targets.each[0], f"pseudo.target: {pseudo.target.name!r}"
    if targets.is_taking_steps and learns_from_hard_labels_alone(first):
        raise UserError(
            f"{name} counts hard labels alone, so that with pseudo.labels = 'soft' it would stay as it begins (as 'ls' "
            "or 'onehot'): write pseudo.labels = 'hard', or that target"
        )
    if "teacher" in targets.needs and follows_its_label(first, pseudo.temperature):
        raise UserError(
            f"{name} mixes a label with what the teacher says, and with pseudo.labels = 'soft' these are the same: it "
            "would be 'onehot'; write that, or pseudo.labels = 'hard', or give the target a temperature other than 1"
        )


def learns_from_hard_labels_alone(target: Target) -> bool:
    """Whether a step with the hard label of one sample changes what the target holds, and one with its soft label does
    not."""
    log_probs = _a_prediction(target)
    labels = (log_probs.argmax(dim=1), log_probs.exp())
    moved_by_hard, moved_by_soft = (_is_moved(target, log_probs, each) for each in labels)
    return moved_by_hard and not moved_by_soft


def follows_its_label(target: Target, temperature: float) -> bool:
    """Whether the gradient is that of the cross-entropy to the label, p - q^(1/T), where the label is what the teacher
    says, q, sharpened by `temperature`: in the middle of a training and at its end."""
    teacher, trial = _a_prediction(target), deepcopy(target)
    label = sharpened(teacher, temperature)
    given = {"teacher": teacher, "index": torch.zeros(1, dtype=torch.int64, device=teacher.device)}
    gradients = []
    for progress in (0.5, 1.0):
        trial.set_progress(progress)
        # The student is as far from the teacher as its mirror image, or else both gradients would be 0.
        logits = (-teacher).requires_grad_()
        loss = trial(logits, label, **{need: given[need] for need in target.needs})
        gradients.append(torch.autograd.grad(loss, logits)[0] - (logits.softmax(dim=1) - label))
    return all(bool((each.abs() < 1e-5).all()) for each in gradients)


def _is_moved(target: Target, logits: Tensor, labels: Tensor) -> bool:
    trial = deepcopy(target)
    trial.update(logits, labels, index=torch.zeros(1, dtype=torch.int64, device=logits.device))
    pairs = zip((*target.parameters(), *target.buffers()), (*trial.parameters(), *trial.buffers()), strict=True)
    return any(not torch.equal(before, after) for before, after in pairs)


def _a_prediction(target: Target) -> Tensor:
    """Log-probabilities of one sample, all of them different, on the target's device."""
    device = next((tensor.device for tensor in (*target.parameters(), *target.buffers())), None)
    return torch.linspace(0, 2, target.num_classes, device=device).log_softmax(dim=0).unsqueeze(0)
