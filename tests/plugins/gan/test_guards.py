"""What cannot work is refused with the mend, and what is told to both networks is said in numbers."""

import pytest

from smoothkit.errors import UserError
from smoothkit_gan.guards import check_game, levels_of, levels_over_training, sentences
from smoothkit_gan.trained import Levels

BINARY = ("target.name=binary", "target.real=0.9")
FAKES = (*BINARY, "target.fake=0.2")
RISING = "target.schedule.real={shape='linear', start=1.0, end=0.8}"


@pytest.fixture
def made(configure, make_runs):
    """The configuration that these overrides come to, and its target."""

    def made(*overrides):
        config = configure(*overrides)
        return config, make_runs(config)[0].target(config.target, num_classes=2)

    return made


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), Levels(1.0, 0.0, 1.0)),
        (BINARY, Levels(0.9, 0.0, 1.0)),
        ((*BINARY, "train.generator_target=equilibrium"), Levels(0.9, 0.0, 0.45)),
        ((*FAKES, "train.generator_target=equilibrium"), Levels(0.9, 0.2, 0.55)),
        ((*BINARY, "train.generator_target=0.7"), Levels(0.9, 0.0, 0.7)),
        (("target.name=ls", "target.alpha=0.2"), Levels(0.9, 0.1, 1.0)),
        (("target.name=tf-gan",), Levels(0.875, 0.0, 1.0)),
        ((*BINARY, "train.loss=least-squares"), Levels(0.9, 0.0, 1.0)),
        ((*BINARY, "train.loss=relativistic"), Levels(0.9, 0.1, 1.0)),
        ((*BINARY, "train.loss=relativistic", "train.generator_target=equilibrium"), Levels(0.9, 0.1, 0.5)),
        (("train.loss=hinge",), None),
    ],
)
def test_levels_are_those_of_the_target(overrides, expected, made):
    assert levels_of(*made(*overrides)) == expected


def test_levels_follow_a_schedule_and_stand_at_its_beginning_afterwards(made):
    config, target = made("target.name=binary", RISING)
    found = levels_over_training(config, target)
    assert [found[look].real for look in (0, 50, 100)] == [1.0, 0.9, 0.8]
    assert levels_of(config, target).real == 1.0
    assert len(set(levels_over_training(*made(*BINARY)))) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        BINARY,
        ("target.name=binary", RISING),
        ("target.name=focal",),
        ("train.loss=hinge",),
        ("train.loss=relativistic", *BINARY),
        ("allow_smoothed_fakes=true", *FAKES),
        ("allow_smoothed_fakes=true", "target=ls", "train.loss=least-squares"),
    ],
)
def test_what_is_sound_passes(overrides, made):
    check_game(*made(*overrides))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (FAKES, r"^target: 'binary' asks for 0.2 at fakes: .* gradient vanishes .* allow_smoothed_fakes = true"),
        (("target=ls",), r"^target: 'ls' asks for 0.05 at fakes"),
        (("target=keras-binary",), r"^target: 'keras-binary' asks for 0.05 at fakes"),
        (
            ("target.name=binary", "target.schedule.fake={shape='linear', start=0.0, end=0.1}"),
            r"^target: 'binary' asks for 0.001 at fakes",
        ),
        (
            (*FAKES, "allow_smoothed_fakes=true", "train.loss=relativistic"),
            r"^target: 'binary' asks for 0.2 at fakes; train.loss = 'relativistic' judges pairs",
        ),
        ((*BINARY, "train.loss=hinge"), r"^target: 'binary' has no meaning for train.loss = 'hinge'"),
        (("target.name=ls", "target.alpha=1.0", "allow_smoothed_fakes=true"), r"asks for 0.5 at fakes and 0.5 at real"),
        (("target=negative-ls",), r"asks for -0.5 at fakes and 1.5 at real samples; expected two probabilities"),
        (("target=meta-ls",), r"^target: 'meta-ls' learns while it is used"),
        (("target=ols",), r"^target: 'ols' learns while it is used"),
        (("target=kd",), r"^target: 'kd' asks for more than whether a sample is real"),
        (("target=maxsup",), r"^target: 'maxsup': this target depends on the prediction"),
        (("target=focal", "train.loss=least-squares"), r"^target: 'focal' is more than its probabilities"),
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
    ],
)
def test_what_cannot_work_is_refused_with_the_mend(overrides, message, made):
    with pytest.raises(UserError, match=message):
        check_game(*made(*overrides))


def told(made, *overrides):
    config, target = made(*overrides)
    return sentences(config, levels_over_training(config, target))


def test_levels_are_said_with_what_other_libraries_call_them(made):
    discriminator, generator = told(made, *BINARY, "train.generator_target=equilibrium")
    assert discriminator == (
        "discriminator: real 0.9, fake 0 (label_smoothing 0.1 of torchgan, 0.2 of TF-GAN); D is at most 0.9, and 0.45 "
        "where both densities agree: that is its healthy value"
    )
    assert generator == "generator: wants D = 0.45 at its samples"
    assert "(label_smoothing 0.2 of Keras)" in told(made, "target.name=ls", "target.alpha=0.2")[0]
    assert "label_smoothing" not in told(made)[0]
    assert "label_smoothing" not in told(made, *FAKES)[0]


def test_a_saturating_loss_is_warned_of(made):
    *_, warning = told(made, *BINARY, "train.loss=saturating")
    assert warning.startswith("warning: train.loss = 'saturating' gives the generator next to no gradient")
    assert not any("warning" in sentence for sentence in told(made, *BINARY))


def test_pairs_and_hinges_have_words_of_their_own(made):
    (pair,) = told(made, *BINARY, "train.loss=relativistic")
    assert "of a real sample beside a fake, 0.9 that it is the real one; 1/2 where both densities agree" in pair
    assert told(made, "train.loss=hinge") == ["discriminator: hinge loss, which has no target probabilities"]


def test_a_change_is_said(made):
    assert "the target changes during training, to real 0.8, fake 0 at its end" in told(
        made, "target.name=binary", RISING
    )
