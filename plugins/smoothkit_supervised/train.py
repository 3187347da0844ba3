"""The training loop: from top to bottom what happens to the network and to its target."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, get_total_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smoothkit.data import training_batches
from smoothkit.data.prepare import prepare
from smoothkit.errors import blame
from smoothkit.optimisation import lr_factor, make_optimizer, parameters_of, set_lr
from smoothkit.run import Run
from smoothkit.targets import Target
from smoothkit_supervised.config import SupervisedConfig
from smoothkit_supervised.evaluate import MOST_FIGURES, Trained, record_figures, record_progress
from smoothkit_supervised.fit import check_fit
from smoothkit_supervised.meta import meta_learner
from smoothkit_supervised.teacher import load_teacher


def train(config: SupervisedConfig, run: Run) -> Trained:
    """Train one network against one target."""
    data, validation = prepare(config.data, run.seed, getattr(config.model.factory(), "required_size", None))
    model = config.model.build(num_classes=data.num_classes, in_channels=data.in_channels, image_size=data.image_size)
    # Convolutions run a fifth faster on channels-last memory, on a CPU too; other layers do not mind.
    model = model.to(run.device, memory_format=torch.channels_last)
    target = run.target(config.target, data.num_classes, len(data.train))
    teacher = load_teacher(config.teacher, run, target, data)
    optimizer = make_optimizer(config.train, model, target)
    scaler = run.grad_scaler()
    augment = [augmentation.build() for augmentation in config.train.augment]
    check_fit(config.target.name, target, augment)
    with blame("train"):
        batches = training_batches(
            data,
            config.train.batch_size,
            seed=run.seed,
            device=run.device,
            augment=augment,
            rank=run.group.rank,
            world=run.group.size,
            workers=config.data.workers,
        )
    learner, validation = meta_learner(target, model, run, data, validation, config.train.batch_size)
    run.track(model=model, target=target, optimizer=optimizer, scaler=scaler)
    evaluated = model
    if config.train.ema is not None:
        evaluated = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.train.ema), use_buffers=True)
        run.track(average=evaluated)

    total = config.train.epochs * batches.per_epoch
    figures_every = config.evaluate.every * math.ceil(config.train.epochs / config.evaluate.every / MOST_FIGURES)
    for step in run.steps(total):
        factor = lr_factor(config.train, step, batches.per_epoch)
        set_lr(optimizer, factor)
        target.set_progress((step - 1) / total)
        images, labels, index = batches.at(step)
        with run.autocast():
            logits = model(images)
        loss = target(logits, labels, **context(run, target, teacher, images, index))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        run.sync_grads(parameters_of(optimizer))
        scaler.unscale_(optimizer)
        if run.is_logging(step):
            gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            run.log(step, gradient_norm=get_total_norm(gradients), learning_rate=config.train.lr * factor)
        if learner is not None:
            learner.learn(step, images, labels, config.train.lr * factor)
        if config.train.clip is not None:
            clip_grad_norm_(model.parameters(), config.train.clip)
        scaler.step(optimizer)
        scaler.update()
        target.update(logits.detach(), labels, index=index)
        if isinstance(evaluated, AveragedModel):
            evaluated.update_parameters(model)
        run.log(step, loss=loss)

        if batches.ends_epoch(step):
            target.end_epoch()
            epoch = batches.epoch(step)
            if epoch % config.evaluate.every == 0 or epoch == config.train.epochs:
                run.check_losses()
                run.sync_buffers(evaluated)
                held_out = record_progress(config, run, step, evaluated, data, validation)
                target.end_validation(*held_out)
                if epoch % figures_every == 0 or epoch == config.train.epochs:
                    record_figures(run, step, target, *held_out, data.class_names)
                model.train()
    target.set_progress(1.0)
    return Trained(evaluated, target, data, validation)


def context(run: Run, target: Target, teacher: nn.Module | None, images: Tensor, index: Tensor) -> dict[str, Tensor]:
    """What the target needs beside logits and labels; the teacher sees the images as the network does, mixed or not."""
    given: dict[str, Tensor] = {"index": index} if "index" in target.needs else {}
    if teacher is not None:
        with torch.no_grad(), run.autocast():
            given["teacher"] = teacher(images)
    return given
