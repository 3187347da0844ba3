"""Real training, small enough for a claim: a network on digits, with a record of every epoch."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from smoothkit.data import Dataset, training_batches
from smoothkit.data.dataset import Part
from smoothkit.data.feed import evaluation_batches
from smoothkit.metrics import margins
from smoothkit.optimisation import lr_factor, make_optimizer, set_lr
from smoothkit.tables import OptimisationConfig
from smoothkit.targets import Target
from smoothkit_principles.config import NetworksConfig


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to; measured on the test part but for the gradient."""

    accuracy: float
    confidence: float
    """Mean top probability."""
    margin_mean: float
    """Mean of the true logit minus the largest other one."""
    margin_variance: float
    gradient_norm: float
    """Mean norm of the gradient over the steps of the epoch."""
    weight_norm: float
    """Norm of all weights at its end."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network after training, and how it came there."""

    model: nn.Module
    target: Target
    epochs: tuple[Epoch, ...]
    logits: Float[Tensor, "samples classes"]
    """Of the test part, in its order."""
    labels: Int64[Tensor, " samples"]
    """Of the test part."""


def train_network(
    model: nn.Module,
    target: Target,
    data: Dataset,
    config: NetworksConfig,
    seed: int,
    device: torch.device | str = "cpu",
    teacher: nn.Module | None = None,
) -> TrainedNetwork:
    """Train `model` on the training part of `data` against `target`; a `teacher` is for targets that follow one.

    Batches depend on `seed` alone, so that networks of one seed see the same samples in the same order.
    """
    optimisation = OptimisationConfig(
        epochs=config.epochs, batch_size=config.batch_size, lr=config.lr, weight_decay=config.weight_decay
    )
    model, target = model.to(device), target.to(device)
    optimizer = make_optimizer(optimisation, model, target)
    batches = training_batches(data, config.batch_size, seed=seed, device=device)
    total = config.epochs * batches.per_epoch
    epochs, norms = [], []
    for step in range(1, total + 1):
        set_lr(optimizer, lr_factor(optimisation, step, batches.per_epoch))
        target.set_progress((step - 1) / total)
        images, labels, index = batches.at(step)
        logits = model(images)
        loss = target(logits, labels, **asked_for(target, teacher, images, index))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norms.append(get_total_norm(gradients(model)))
        optimizer.step()
        target.update(logits.detach(), labels, index=index)
        if batches.ends_epoch(step):
            target.end_epoch()
            epochs.append(_epoch(model, data, torch.stack(norms).mean().item()))
            norms.clear()
            model.train()
    logits, labels = outputs(model, data, data.test)
    return TrainedNetwork(model.eval(), target, tuple(epochs), logits, labels)


@torch.no_grad()
def asked_for(target: Target, teacher: nn.Module | None, images: Tensor, index: Tensor) -> dict[str, Tensor]:
    """What a target is given besides logits and labels."""
    given = {} if teacher is None else {"teacher": teacher(images)}
    return given | {"index": index} if "index" in target.needs else given


def gradients(model: nn.Module) -> list[Tensor]:
    """The gradients that the parameters hold."""
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@torch.no_grad()
def outputs(
    model: nn.Module, data: Dataset, part: Part
) -> tuple[Float[Tensor, "samples outputs"], Int64[Tensor, " samples"]]:
    """What the model makes of a part, in evaluation mode, and the part's labels; both on the CPU."""
    device = next(model.parameters()).device
    model.eval()
    batches = [
        (model(batch.images).cpu(), batch.labels.cpu())
        for batch in evaluation_batches(part, mean=data.mean, std=data.std, device=device)
    ]
    return torch.cat([made for made, _ in batches]), torch.cat([labels for _, labels in batches])


def _epoch(model: nn.Module, data: Dataset, gradient_norm: float) -> Epoch:
    logits, labels = outputs(model, data, data.test)
    apart = margins(logits, labels)
    return Epoch(
        accuracy=(logits.argmax(1) == labels).double().mean().item(),
        confidence=logits.double().softmax(1).amax(1).mean().item(),
        margin_mean=apart.mean().item(),
        margin_variance=apart.var().item(),
        gradient_norm=gradient_norm,
        weight_norm=sum(parameter.detach().square().sum().item() for parameter in model.parameters()) ** 0.5,
    )
