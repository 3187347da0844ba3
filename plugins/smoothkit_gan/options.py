"""Options that do not fit together, or that would do nothing: refused before training, with the mend."""

from pydantic import BaseModel

from smoothkit.errors import UserError
from smoothkit.schedules import Alternate, Shape
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.metrics.inception import check_inception

FOLLOWED = ("r1", "r2", "instance_noise", "schedule", "discriminator_schedule")
"""Keys of `[train]` that may be schedules; none may fall below 0, nor may `discriminator.fade`."""


def check_options(config: GanConfig) -> None:
    """Refuse options of the game that are without an effect, or without a meaning.

    Raises:
        UserError: it names the key, the value and the mend.
    """
    _check_schedules(config)
    train = config.train
    if train.loss == "saturating" and train.generator_target != 1.0:
        raise UserError(
            f"train.generator_target is {train.generator_target!r}; a saturating generator only undoes what the "
            "discriminator does: leave it out, or choose train.loss = 'non-saturating'"
        )
    if train.penalty_every != 1 and train.r1 == 0 == train.r2:
        raise UserError(
            f"train.penalty_every is {train.penalty_every}, and there is no penalty that it would thin out: set "
            "train.r1 or train.r2, or leave it out"
        )
    if config.evaluate.generator == "average" and not train.average:
        raise UserError(
            "evaluate.generator is 'average', and train.average = 0 keeps none: leave one of the two keys out"
        )
    _check_waves(config)


def check_measurements(config: GanConfig, parts: Parts) -> None:
    """Refuse what this kind of data gives no use or no room for, and see that a later measurement has what it needs.

    Raises:
        UserError: it names the key, the value and the mend.
    """
    if parts.mixture is not None:
        _refuse_changed("evaluate", config.evaluate, ("feature_nets", "neighbours", "inception"), "points")
        _refuse_changed("data", config.data, ("reference",), "points")
        if config.run.precision != "float32":
            raise UserError(
                f"run.precision is {config.run.precision!r}; it has two or three digits, which is coarser than the "
                f"modes of {parts.data.name} are narrow: leave it out (images can do with it)"
            )
    elif parts.stacked:
        _refuse_changed("evaluate", config.evaluate, ("neighbours", "inception"), "stacks")
        _refuse_changed("data", config.data, ("reference",), "stacks")
    elif config.evaluate.inception is not None:
        check_inception(config.evaluate.inception, parts.shape[0])


def _check_schedules(config: GanConfig) -> None:
    """Schedules that count epochs, and those of numbers that may not go below 0 and do at some time."""
    positive = {f"train.{name}": getattr(config.train, name) for name in FOLLOWED}
    positive["discriminator.fade"] = config.discriminator.fade
    in_target = {f"target.schedule.{option}": shape for option, shape in (config.target.schedule or {}).items()}
    for key, shape in {**in_target, **positive}.items():
        if isinstance(shape, Alternate):
            raise UserError(f"{key}: shape = 'alternate' changes with epochs, and a GAN has none: use 'step'")
    for key, shape in positive.items():
        if isinstance(shape, Shape) and (lowest := min(shape.build().extremes())) < 0:
            raise UserError(f"{key} comes down to {lowest:g}; expected values of at least 0 at all times")


def _check_waves(config: GanConfig) -> None:
    """Options of sine features that are not there, and an empty range of their frequencies."""
    for table, options in (("generator", config.generator), ("discriminator", config.discriminator)):
        for name in ("frequency", "damping", "fade"):
            if not options.fourier and _is_changed(options, name):
                raise UserError(
                    f"{table}.{name} is of sine features, of which there are none: set {table}.fourier, or leave it out"
                )
    lowest, highest = config.discriminator.frequency
    if lowest > highest:
        raise UserError(
            f"discriminator.frequency is [{lowest:g}, {highest:g}]; expected the lowest first: [{highest:g}, "
            f"{lowest:g}]"
        )


def _refuse_changed(table: str, options: BaseModel, names: tuple[str, ...], data: str) -> None:
    for name in names:
        if _is_changed(options, name):
            raise UserError(
                f"{table}.{name} is {getattr(options, name)!r}; it is for comparing images with real ones, and the "
                f"data are {data}: leave it out"
            )


def _is_changed(options: BaseModel, name: str) -> bool:
    """Whether an option is there and not at its default; the file that a study keeps writes out defaults too."""
    field = type(options).model_fields.get(name)
    return field is not None and getattr(options, name) != field.default
