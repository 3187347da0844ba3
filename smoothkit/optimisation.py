"""The optimiser of a network and its target, and the learning rate at each step."""

import math
from collections.abc import Iterator

from torch import nn, optim

from smoothkit.tables import OptimisationConfig
from smoothkit.targets import Target


def make_optimizer(config: OptimisationConfig, model: nn.Module, target: Target) -> optim.Optimizer:
    """SGD or AdamW over the network's parameters and, in groups of their own, the target's."""
    groups = [{"params": list(model.parameters()), "weight_decay": config.weight_decay}, *target.parameter_groups()]
    if config.optimizer == "sgd":
        return optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov)
    return optim.AdamW(groups, lr=config.lr)


def set_lr(optimizer: optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times the one that it started with."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group.setdefault("initial_lr", group["lr"])


def lr_factor(config: OptimisationConfig, step: int, per_epoch: int) -> float:
    """What the peak learning rate is multiplied by at `step`, counted from 1: a linear warm-up, then the schedule.

    A pure function of the step, so that a resumed run needs no scheduler state.

    >>> config = OptimisationConfig(epochs=10, warmup_epochs=1)
    >>> [round(lr_factor(config, step, per_epoch=4), 3) for step in (1, 4, 5, 22, 40)]
    [0.25, 1.0, 0.998, 0.521, 0.002]
    """
    warmup = config.warmup_epochs * per_epoch
    if step <= warmup:
        return step / warmup
    if config.schedule == "cosine":
        # The last step still moves: the half cosine would reach 0 one step after it.
        done = (step - warmup) / (config.epochs * per_epoch - warmup + 1)
        return (1 + math.cos(math.pi * done)) / 2
    passed = sum(step > milestone * per_epoch for milestone in config.milestones)
    return config.gamma**passed


def parameters_of(optimizer: optim.Optimizer) -> "Iterator[nn.Parameter]":
    """Every parameter that the optimiser moves."""
    for group in optimizer.param_groups:
        yield from group["params"]
