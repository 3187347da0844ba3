"""The returns of a run during training, as curves."""

from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.learning import History, Points, episode_returns, measured_returns
from smoothkit_policy.progress import MANNERS

EPISODES = "episodes during training"
"""The curve of the returns of training's own episodes, drawn where no sampled ones were measured."""


def learning_figure(history: History) -> CurvesFigure | None:
    """Returns over training; None where no curve has two points.

    Each manner of acting has a curve where it was measured. Where the sampled policy was not, training's own episodes
    stand in, under their own name.
    """
    points: dict[str, Points] = {manner: measured_returns(history, manner) for manner in MANNERS}
    if not points["sampled"]:
        points[EPISODES] = episode_returns(history)
    drawn = {name: own for name, own in points.items() if len(own) > 1}
    if not drawn:
        return None
    return CurvesFigure(
        title="Returns during training",
        x_label="steps in environments",
        y_label="return",
        x={name: tuple(float(step) for step, _ in own) for name, own in drawn.items()},
        y={name: tuple(value for _, value in own) for name, own in drawn.items()},
    )
