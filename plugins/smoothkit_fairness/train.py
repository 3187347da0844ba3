"""The training loop: from top to bottom what happens to the network, to its targets and to the weights of groups."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, get_total_norm

from smoothkit.data import Dataset, training_batches
from smoothkit.data.dataset import Part
from smoothkit.data.prepare import prepare
from smoothkit.errors import UserError, blame
from smoothkit.optimisation import lr_factor, make_optimizer, parameters_of, set_lr
from smoothkit.run import Run
from smoothkit_fairness.config import FairnessConfig
from smoothkit_fairness.group_targets import make_target
from smoothkit_fairness.names import of_group
from smoothkit_fairness.progress import figures_every, group_figures, record_progress
from smoothkit_fairness.weighting import GroupDRO, make_weighting


@dataclass(frozen=True)
class Trained:
    """What training leaves for the evaluation."""

    model: nn.Module
    data: Dataset
    validation: Part
    """Held out of training: what a temperature may be fitted on."""


def train(config: FairnessConfig, run: Run) -> Trained:
    """Train one network on samples that belong to groups.

    Raises:
        UserError: the data have no groups, or what the file asks for does not fit together.
    """
    data, validation = prepare(config.data, run.seed, getattr(config.model.factory(), "required_size", None))
    if validation.groups is None:
        raise UserError(
            f"data: {data.name} has no groups; name them with its `groups` option, if it has one, choose a set that "
            "has groups, or put groups on a set of images with the data set 'group-images'"
        )
    model = config.model.build(num_classes=data.num_classes, in_channels=data.in_channels, image_size=data.image_size)
    # Convolutions run a fifth faster on channels-last memory, on a CPU too; other layers do not mind.
    model = model.to(run.device, memory_format=torch.channels_last)
    target = make_target(config, run, data)
    weighting = make_weighting(config.train, data, run.group)
    optimizer = make_optimizer(config.train, model, target)
    scaler = run.grad_scaler()
    with blame("train"):
        batches = training_batches(
            data,
            config.train.batch_size,
            seed=run.seed,
            device=run.device,
            rank=run.group.rank,
            world=run.group.size,
            workers=config.data.workers,
        )
    run.track(model=model, target=target, optimizer=optimizer, scaler=scaler)
    if weighting is not None:
        weighting = weighting.to(run.device)
        run.track(weighting=weighting)

    total = config.train.epochs * batches.per_epoch
    for step in run.steps(total):
        factor = lr_factor(config.train, step, batches.per_epoch)
        set_lr(optimizer, factor)
        target.set_progress((step - 1) / total)
        images, labels, index = batches.at(step)
        with run.autocast():
            logits = model(images)
        given = {"index": index} if "index" in target.needs else {}
        if weighting is None:
            loss = target(logits, labels, **given)
        else:
            loss = weighting(target(logits, labels, reduction="none", **given), index)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        run.sync_grads(parameters_of(optimizer))
        scaler.unscale_(optimizer)
        if run.is_logging(step):
            gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            run.log(step, gradient_norm=get_total_norm(gradients), learning_rate=config.train.lr * factor)
            if isinstance(weighting, GroupDRO):
                weights = zip(data.group_names, weighting.q, strict=True)
                run.log(step, **{of_group("weight", group): weight for group, weight in weights})
        if config.train.clip is not None:
            clip_grad_norm_(model.parameters(), config.train.clip)
        scaler.step(optimizer)
        scaler.update()
        target.update(logits.detach(), labels, index=index)
        run.log(step, loss=loss)

        if batches.ends_epoch(step):
            target.end_epoch()
            epoch = batches.epoch(step)
            if epoch % config.evaluate.every == 0 or epoch == config.train.epochs:
                run.check_losses()
                run.sync_buffers(model)
                logits, labels = record_progress(config, run, step, model, data, validation)
                target.end_validation(logits.to(run.device), labels.to(run.device))
                if epoch % figures_every(config) == 0 or epoch == config.train.epochs:
                    found = group_figures(config.evaluate, logits, labels, validation.groups, data.group_names)
                    run.record_figures(step, "validation", found)
                model.train()
    target.set_progress(1.0)
    return Trained(model, data, validation)
