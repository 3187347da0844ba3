"""Whether the options of a file fit together: none that would do nothing, none that lacks what it needs."""

from typing import TYPE_CHECKING

from smoothkit.errors import OptionError

if TYPE_CHECKING:
    from smoothkit_selftrain.config import SelfTrainConfig

NEEDED = {"fixed": "threshold", "per-class": "threshold", "k-best": "k_best", "share": "share"}
"""What a rule of selection needs."""

NO_AVERAGE = "is 'average', and train.average is 0: give it a decay, such as 0.999"


def check_options(config: "SelfTrainConfig") -> None:
    """Check what no single option can know.

    Raises:
        OptionError: an option lacks what it needs, or would do nothing; the message names both, and the mend.
    """
    _check_selection(config)
    _check_teacher(config)
    pseudo, train, evaluate = config.pseudo, config.train, config.evaluate
    if pseudo.labels == "hard" and pseudo.temperature != 1:
        raise OptionError(
            "pseudo.temperature",
            f"is {pseudo.temperature:g}, which changes no hard label: leave it out, or write pseudo.labels = 'soft'",
        )
    if config.views.weak and config.views.labelled == "strong" and pseudo.relabel != "step":
        raise OptionError(
            "views.weak",
            f"is seen by nobody: labelled samples have the strong view, and with pseudo.relabel = {pseudo.relabel!r} a "
            "teacher labels samples as they are: leave it out",
        )
    if train.mean_over == "selected" and config.select.rule == "all" and config.select.weights == "binary":
        raise OptionError("train.mean_over", "is 'selected', and select.rule = 'all' selects all of them: leave it out")
    if evaluate.model == "average" and not train.average:
        raise OptionError("evaluate.model", NO_AVERAGE)
    if evaluate.round == "held-out" and not config.data.held_out:
        raise OptionError("evaluate.round", "is 'held-out', and data.held_out is 0: hold some labelled samples out")
    if pseudo.target.name == "measured-ls" and not config.data.held_out:
        raise OptionError(
            "pseudo.target",
            "'measured-ls' measures errors on held-out samples, and data.held_out is 0: hold some labelled samples "
            "out, 100 or more",
        )


def _check_selection(config: "SelfTrainConfig") -> None:
    select = config.select
    needed = NEEDED.get(select.rule)
    for name in ("threshold", "k_best", "share"):
        given = getattr(select, name) is not None
        if name == needed and not given:
            raise OptionError("select.rule", f"is {select.rule!r}, which needs select.{name}")
        if given and name != needed:
            raise OptionError(f"select.{name}", f"does nothing with select.rule = {select.rule!r}: leave it out")
    if select.rule == "k-best" and config.pseudo.relabel == "step":
        raise OptionError(
            "select.rule",
            "'k-best' counts samples of the whole set; with pseudo.relabel = 'step' only a batch is known: write "
            "relabel = 'round', or rule = 'share'",
        )


def _check_teacher(config: "SelfTrainConfig") -> None:
    pseudo, train = config.pseudo, config.train
    if pseudo.teacher == "average" and not train.average:
        raise OptionError("pseudo.teacher", NO_AVERAGE)
    if pseudo.teacher == "frozen" and not train.supervised_steps:
        raise OptionError("pseudo.teacher", "is 'frozen' after round 0, and train.supervised_steps is 0: give it some")
    if pseudo.teacher == "previous" and pseudo.relabel != "step":
        raise OptionError(
            "pseudo.teacher",
            f"'previous' is 'self' with pseudo.relabel = {pseudo.relabel!r}, where labels are made between two rounds: "
            "write 'self'",
        )
