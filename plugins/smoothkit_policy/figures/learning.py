"""The measurements of a run during training, as curves."""

from collections.abc import Callable

from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.learning import Points, returns_over_training
from smoothkit_policy.progress import MANNERS


def learning_figure(history: Callable[[str], Points]) -> CurvesFigure | None:
    """Returns over training, by manner of acting; None where nothing was measured more than once.

    `history` gives what was recorded under a tag, as `Run.history` does.
    """
    points = {manner: returns_over_training(history, manner) for manner in MANNERS}
    drawn = {manner: own for manner, own in points.items() if len(own) > 1}
    if not drawn:
        return None
    return CurvesFigure(
        title="Returns during training",
        x_label="steps in environments",
        y_label="return",
        x={manner: tuple(float(step) for step, _ in own) for manner, own in drawn.items()},
        y={manner: tuple(value for _, value in own) for manner, own in drawn.items()},
    )
