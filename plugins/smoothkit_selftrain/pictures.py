"""The pictures of a run's pseudo-labels over the rounds."""

from smoothkit.report.figures import Figure
from smoothkit_selftrain.bias import Classes, bins_of
from smoothkit_selftrain.chronicle import Chronicle
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.figures.confidence import ConfidenceFigure
from smoothkit_selftrain.figures.error_flow import ErrorFlowFigure


def pseudo_pictures(config: SelfTrainConfig, chronicle: Chronicle, truth: Classes) -> dict[str, Figure]:
    """Confidence against accuracy and, from the second round on, the flow of errors, of one member."""
    noted = {round: chronicle.of(round) for round in chronicle.rounds}
    # A threshold per class is no one number: it lies below the one that the file names.
    threshold = config.select.threshold if config.select.rule == "fixed" else None
    drawn: dict[str, Figure] = {
        "confidence": ConfidenceFigure.of(
            "Accuracy of pseudo-labels against their confidence",
            {round: bins_of(each, truth) for round, each in noted.items()},
            threshold,
        )
    }
    if len(noted) > 1:
        classes = {round: each.classes for round, each in noted.items()}
        drawn["error_flow"] = ErrorFlowFigure.of("Errors of pseudo-labels from round to round", classes, truth)
    return drawn
