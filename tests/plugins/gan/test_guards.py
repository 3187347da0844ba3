"""What cannot work is refused with the mend, and what is told to both networks is said in numbers."""

import pytest

from smoothkit.errors import UserError
from smoothkit.targets import Binary
from smoothkit.targets.wrapper import Wrapper
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
    assert [found[look].real for look in (0, 10, 20)] == [1.0, 0.9, 0.8]
    assert levels_of(config, target).real == 1.0
    assert len(set(levels_over_training(*made(*BINARY)))) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        BINARY,
        ("target.name=binary", RISING),
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
            r"^target: 'binary' asks for 0.005 at fakes",
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
        ((*BINARY, "target.ignore_index=0"), r"^target: 'binary' has ignore_index = 0, the label of fakes, of which"),
        ((*BINARY, "target.ignore_index=1"), r"^target: 'binary' has ignore_index = 1, the label of real samples"),
        (("target.ignore_index=1", "train.loss=hinge"), r"^target: 'onehot' has no meaning for train.loss = 'hinge'"),
        (
            # Between two looks at twentieths of the training.
            ("target.name=binary", "target.schedule.fake={shape='step', values=[0.0, 0.1, 0.0], at=[0.501, 0.504]}"),
            r"^target: 'binary' asks for 0.1 at fakes",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_mend(overrides, message, made):
    with pytest.raises(UserError, match=message):
        check_game(*made(*overrides))


PENALTIES = ("acls", "mbls", "logitnorm")
WEIGHTS = ("focal", "dual-focal", "flsd", "focal-sigmoid", "gce", "sce", "poly")


@pytest.mark.parametrize("loss", ["non-saturating", "saturating", "least-squares", "relativistic"])
@pytest.mark.parametrize("target", [*PENALTIES, *WEIGHTS])
def test_targets_that_are_more_than_their_probabilities_are_refused(target, loss, made):
    message = rf"^target: '{target}' is more than a cross-entropy to its probabilities: .* use 'binary', 'onehot' or"
    with pytest.raises(UserError, match=message):
        check_game(*made(f"target.name={target}", f"train.loss={loss}"))


def test_a_penalty_that_only_sets_in_far_out_is_refused_too(made):
    with pytest.raises(UserError, match=r"^target: 'mbls' is more than a cross-entropy"):
        check_game(*made("target.name=mbls", "target.margin=100.0"))


class Doubled(Wrapper):
    """A plugin's target: the loss of the one inside, twice."""

    def row_loss(self, rows):
        return 2 * super().row_loss(rows)


@pytest.mark.parametrize(
    ("overrides", "wrapped", "message"),
    [
        (
            ("train.loss=hinge",),
            Binary(real=0.9),
            r"^target: 'onehot', as a plugin in use = \['theirs'\] has changed it, has no meaning for .* 'hinge'",
        ),
        (BINARY, Binary(real=0.9, fake=0.3), r"^target: 'binary', as a plugin in use = .* asks for 0.3 at fakes"),
        (BINARY, Doubled(Binary()), r"^target: 'binary', as a plugin in use = .* is more than a cross-entropy to its"),
    ],
)
def test_what_a_plugin_makes_of_a_target_is_judged_as_such(overrides, wrapped, message, made):
    config, _ = made(*overrides)
    with pytest.raises(UserError, match=message):
        check_game(config.model_copy(update={"use": ("theirs",)}), wrapped)


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


@pytest.mark.parametrize("loss", ["non-saturating", "least-squares", "relativistic"])
def test_a_generator_that_wants_less_than_the_equilibrium_is_warned_of(loss, made):
    below, at = (
        told(made, *BINARY, f"train.loss={loss}", f"train.generator_target={wanted}") for wanted in (0.4, "equilibrium")
    )
    assert below[-1].startswith("warning: train.generator_target = 0.4 is below what D says where both densities agree")
    assert not any("warning" in sentence for sentence in at)


def test_pairs_and_hinges_have_words_of_their_own(made):
    (pair,) = told(made, *BINARY, "train.loss=relativistic")
    assert "of a real sample beside a fake, 0.9 that it is the real one; 1/2 where both densities agree" in pair
    assert told(made, "train.loss=hinge") == ["discriminator: hinge loss, which has no target probabilities"]


def test_a_change_is_said(made):
    assert "the target changes during training, to real 0.8, fake 0 at its end" in told(
        made, "target.name=binary", RISING
    )
