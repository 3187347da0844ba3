"""Before training: refusals of what cannot work or would do nothing, and what both networks are told, in numbers."""

from dataclasses import replace

import torch
from torch.nn import functional as F

from smoothkit.errors import UserError
from smoothkit.scenario import TargetConfig
from smoothkit.schedules import Polyline, Step
from smoothkit.targets import Target
from smoothkit_gan.config import GanConfig
from smoothkit_gan.losses import FAKE, REAL, two_logits
from smoothkit_gan.options import check_options
from smoothkit_gan.trained import Levels

LOOKS = 20
"""How often a target is looked at over the training to come, beside its beginning: it may change with time."""

TRIED = (-30.0, -3.0, 0.0, 2.0, 30.0)
"""Logits at which a target's loss must be the cross-entropy to its probabilities."""


def levels_of(config: GanConfig, target: Target) -> Levels | None:
    """The probabilities of "real" that target and file ask for at this time; None for the hinge loss.

    A relativistic discriminator compares a real sample with a fake. Told the other way round, a pair has the label
    1 - real: that is the level of fakes, and the equilibrium is 1/2 whatever the target.
    """
    if config.train.loss == "hinge":
        return None
    fake, real = _said(target)
    levels = Levels(real, round(1 - real, 7) if config.train.loss == "relativistic" else fake, 1.0)
    wanted = config.train.generator_target
    return replace(levels, generator=levels.equilibrium if wanted == "equilibrium" else wanted)


def levels_over_training(config: GanConfig, target: Target) -> list[Levels | None]:
    """The levels at every twentieth of the training and wherever a schedule begins anew; the target then stands at the
    beginning again."""
    found = []
    for moment in moments(config):
        target.set_progress(moment)
        found.append(levels_of(config, target))
    target.set_progress(0.0)
    return found


def moments(config: GanConfig) -> list[float]:
    """Shares of the training at which a target that changes is looked at."""
    shapes = (config.target.schedule or {}).values()
    turns = {turn for shape in shapes if isinstance(shape, Step | Polyline) for turn in shape.at}
    return sorted({look / LOOKS for look in range(LOOKS + 1)} | turns)


def check_game(config: GanConfig, target: Target) -> None:
    """Refuse a target that no discriminator can be given, and options without an effect.

    Raises:
        UserError: it names the key, the value and the mend.
    """
    check_options(config)
    name = _name_of(config, target)
    if config.train.loss == "hinge":
        if repr(target) != repr(TargetConfig(name="onehot").build(num_classes=2)):
            raise UserError(
                f"{name} has no meaning for train.loss = 'hinge', which knows no probabilities: leave it out, or "
                "choose 'non-saturating'"
            )
        return
    _check_target(target, name)
    for moment in moments(config):
        target.set_progress(moment)
        fake, real = _said(target)
        if not 0 <= fake < real <= 1:
            raise UserError(
                f"{name} asks for {fake:g} at fakes and {real:g} at real samples; expected two probabilities, the "
                "second one larger"
            )
        _check_fakes(config, name, fake)
    target.set_progress(0.0)


def sentences(config: GanConfig, over_training: list[Levels | None]) -> list[str]:
    """What the two networks are told, in words and numbers, and warnings: one sentence each."""
    levels, last = over_training[0], over_training[-1]
    loss = config.train.loss
    if levels is None or last is None:
        return ["discriminator: hinge loss, which has no target probabilities"]
    if loss == "relativistic":
        told = [
            f"discriminator: of a real sample beside a fake, {levels.real:g} that it is the real one; "
            f"1/2 where both densities agree; generator: {levels.generator:g} the other way round"
        ]
    else:
        told = [
            f"discriminator: real {levels.real:g}, fake {levels.fake:g}{_elsewhere(levels)}; D is at most "
            f"{levels.real:g}, and {levels.equilibrium:g} where both densities agree: that is its healthy value"
        ]
        if loss != "saturating":
            told.append(f"generator: wants D = {levels.generator:g} at its samples")
    if len(set(over_training)) > 1:
        told.append(f"the target changes during training, to real {last.real:g}, fake {last.fake:g} at its end")
    if any(each is not None and each.generator < each.equilibrium for each in over_training):
        told.append(
            f"warning: train.generator_target = {levels.generator:g} is below what D says where both densities agree: "
            "there the generator moves its samples away from the data; take at least 'equilibrium'"
        )
    if loss == "saturating":
        told.append(
            "warning: train.loss = 'saturating' gives the generator next to no gradient where D is sure of a fake, and "
            "no smoothing of real labels changes that; 'non-saturating' does"
        )
    return told


def _elsewhere(levels: Levels) -> str:
    """The number that other libraries would have to be given for these levels."""
    smoothing = 1 - levels.real
    if levels.real == 1 and levels.fake == 0:
        return ""
    if levels.fake == 0:
        return f" (label_smoothing {smoothing:g} of torchgan, {2 * smoothing:g} of TF-GAN)"
    if abs(levels.fake - smoothing) < 1e-6:
        return f" (label_smoothing {2 * smoothing:g} of Keras)"
    return ""


def _name_of(config: GanConfig, target: Target) -> str:
    """The target's key and name, and that a plugin made another one of it, if one did."""
    name = f"target: {config.target.name!r}"
    if repr(target) == repr(config.target.build(num_classes=2)):
        return name
    return f"{name}, as a plugin in use = {list(config.use)} has changed it,"


def _check_target(target: Target, name: str) -> None:
    """Targets that learn, remember, leave a side out, or are more than a cross-entropy to two probabilities."""
    learns = any(True for _ in target.parameters()) or any(
        type(each).update is not Target.update or type(each).end_validation is not Target.end_validation
        for each in target.modules()
        if isinstance(each, Target)
    )
    if learns:
        raise UserError(
            f"{name} learns while it is used, which a discriminator's cannot: use a fixed one, such as 'binary'"
        )
    if target.num_labels != 2 or target.needs or not target.row_by_row:
        raise UserError(
            f"{name} asks for more than whether a sample is real; expected a target of two rows, such as 'binary'"
        )
    if target.ignore_index in (FAKE, REAL):
        side = "fakes" if target.ignore_index == FAKE else "real samples"
        raise UserError(
            f"{name} has ignore_index = {target.ignore_index}, the label of {side}, of which the discriminator would "
            "be told nothing: leave ignore_index out"
        )
    try:
        _said(target)
    except ValueError as error:
        raise UserError(
            f"{name}: {error}; what a discriminator is told must be known beforehand: use 'binary', say"
        ) from error
    if not _is_cross_entropy(target):
        raise UserError(
            f"{name} is more than a cross-entropy to its probabilities: the best D is then not between the two, and "
            "neither its healthy value nor what smoothing does to the generator is known; use 'binary', 'onehot' or "
            "'ls'"
        )


def _is_cross_entropy(target: Target) -> bool:
    """Whether the loss is the cross-entropy to `distribution`, and thus without weights and penalties."""
    if target.family in ("weight", "penalty"):
        return False
    place = next(target.buffers(), torch.empty(0)).device
    logits = torch.tensor(TRIED, device=place).expand(2, -1)
    labels = torch.tensor([[FAKE], [REAL]], device=place).expand_as(logits)
    wanted = target.distribution(labels[:, 0])[:, REAL, None]
    expected = wanted * F.softplus(-logits) + (1 - wanted) * F.softplus(logits)
    return torch.allclose(target(two_logits(logits), labels, reduction="none"), expected, rtol=1e-4, atol=1e-4)


def _check_fakes(config: GanConfig, name: str, fake: float) -> None:
    """Smoothing of fakes, which is refused where it is of no use, and must be meant where it is not."""
    if fake > 0 and config.train.loss == "relativistic":
        raise UserError(
            f"{name} asks for {fake:g} at fakes; train.loss = 'relativistic' judges pairs, whose one label is smoothed "
            "by smoothing real samples: set the level of fakes to 0"
        )
    if fake > 0 and not config.allow_smoothed_fakes:
        raise UserError(
            f"{name} asks for {fake:g} at fakes: where the generator is far from the data the optimal D is then flat, "
            "and the generator's gradient vanishes in proportion to the data's density there, instead of staying as it "
            "is; smooth real samples alone (target = { name = 'binary', real = 0.9 }, if no plugin changes it), or set "
            "allow_smoothed_fakes = true to see it happen"
        )


def _said(target: Target) -> tuple[float, float]:
    """The probability of "real" that the target asks for at fakes, and at real samples."""
    labels = torch.tensor([FAKE, REAL], device=next(target.buffers(), torch.empty(0)).device)
    fake, real = target.distribution(labels)[:, REAL].tolist()
    # A matrix in float32 has seven digits; those that a file has are among them.
    return round(fake, 7), round(real, 7)
