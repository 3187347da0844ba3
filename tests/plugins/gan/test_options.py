"""Options that would do nothing, or cannot be, are refused with the mend; what a study writes out passes."""

import pytest

from smoothkit.config import dump
from smoothkit.errors import UserError
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.parts import split_parts
from smoothkit_gan.options import check_measurements, check_options

FALLING = "{shape='linear', start=0.1, end=-0.1}"
DIGITS = "data=digits"
STACKS = ("data.name=stacked-digits",)
WAVES = "discriminator.fourier=4"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("train.loss=saturating", "train.generator_target=0.7"),
            r"^train.generator_target is 0.7; a saturating generator",
        ),
        (
            ("train.r1={shape='alternate', values=[0.0, 0.1]}",),
            r"^train.r1: shape = 'alternate' changes with epochs, and a GAN has none",
        ),
        (
            ("target.name=binary", "target.schedule.real={shape='alternate', values=[1.0, 0.9]}"),
            r"^target.schedule.real: shape = 'alternate'",
        ),
        *(
            ((f"train.{name}={FALLING}",), rf"^train.{name} comes down to -0.1; expected values of at least 0")
            for name in ("r1", "r2", "instance_noise", "schedule", "discriminator_schedule")
        ),
        ((WAVES, f"discriminator.fade={FALLING}"), r"^discriminator.fade comes down to -0.1; expected"),
        (("train.penalty_every=4",), r"^train.penalty_every is 4, and there is no penalty that it would thin out"),
        (
            ("train.penalty_every=4", "train.gradient_penalty=1.0"),
            r"^train.penalty_every is 4, and there is no penalty that it would thin out",
        ),
        (
            ("train.average=0.0", "evaluate.generator=average"),
            r"^evaluate.generator is 'average', and train.average = 0 keeps none: leave one of the two keys out",
        ),
        (("generator.frequency=2.0",), r"^generator.frequency is of sine features, of which .* set generator.fourier"),
        (("discriminator.frequency=[1.0, 2.0]",), r"^discriminator.frequency is of sine features"),
        (("discriminator.damping=0.0",), r"^discriminator.damping is of sine features"),
        (("discriminator.fade=0.5",), r"^discriminator.fade is of sine features"),
        (
            (WAVES, "discriminator.frequency=[8.0, 2.0]"),
            r"^discriminator.frequency is \[8, 2\]; expected the lowest first: \[2, 8\]",
        ),
    ],
)
def test_options_without_effect_or_meaning_are_refused(overrides, message, configure):
    with pytest.raises(UserError, match=message):
        check_options(configure(*overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("train.r2={shape='linear', start=0.1, end=0.0}", "train.penalty_every=4"),
        ("generator.fourier=2", "generator.frequency=2.0", WAVES, "discriminator.damping=0.0"),
        ("train.average=0.0",),
        ("evaluate.generator=average",),
    ],
)
def test_what_is_sound_passes_and_so_does_the_file_that_a_study_keeps_of_it(overrides, configure):
    config = configure(*overrides)
    check_options(config)
    written = GanConfig.model_validate(dump(config))
    check_options(written)
    check_measurements(written, split_parts(written.data, 0))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("evaluate.feature_nets=2",), r"^evaluate.feature_nets is 2; it is for .* the data are points: leave it out"),
        (("evaluate.neighbours=3",), r"^evaluate.neighbours is 3"),
        (("evaluate.inception=w.pth",), r"^evaluate.inception is 'w.pth'; it is for .* the data are points"),
        (("data.reference=100",), r"^data.reference is 100; it is for .* the data are points"),
        (("run.precision=bfloat16",), r"^run.precision is 'bfloat16'; .* coarser than the modes of ring"),
        ((*STACKS, "evaluate.neighbours=3"), r"^evaluate.neighbours is 3; .* the data are stacks"),
        ((*STACKS, "evaluate.inception=w.pth"), r"^evaluate.inception is 'w.pth'; .* the data are stacks"),
        ((*STACKS, "data.reference=0.5"), r"^data.reference is 0.5; .* the data are stacks"),
        ((DIGITS, "evaluate.inception=w.pth"), r"^evaluate.inception: (torch_fidelity is not installed|there is no)"),
    ],
)
def test_what_the_data_have_no_use_or_room_for_is_refused(overrides, message, configure):
    config = configure(*overrides)
    check_options(config)
    with pytest.raises(UserError, match=message):
        check_measurements(config, split_parts(config.data, 0))


@pytest.mark.parametrize(
    "overrides",
    [
        (DIGITS, "evaluate.feature_nets=1", "evaluate.neighbours=3", "data.reference=0.5", "run.precision=bfloat16"),
        (*STACKS, "evaluate.feature_nets=1", "run.precision=bfloat16"),
    ],
)
def test_images_have_use_for_it(overrides, configure):
    config = configure(*overrides)
    check_measurements(config, split_parts(config.data, 0))


def test_a_missing_file_of_weights_is_noticed_before_training(quick):
    with pytest.raises(UserError, match=r"^evaluate.inception: "):
        quick(DIGITS, "evaluate.inception=w.pth", "train.steps=1000000")
