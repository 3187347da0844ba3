"""Self-training: what the distribution behind a pseudo-label does to confirmation bias, measured round by round."""

from typing import TYPE_CHECKING, Any

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

if TYPE_CHECKING:
    from smoothkit_selftrain.estimator import SelfTraining as SelfTraining

smoothkit_api = 1


def __getattr__(name: str) -> Any:
    # The estimator imports scikit-learn, which a listing of plugins must not wait for.
    if name == "SelfTraining":
        from smoothkit_selftrain.estimator import SelfTraining

        return SelfTraining
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario."""
    register("selftrain", "smoothkit_selftrain.config:SCENARIO")


@hookimpl
def smoothkit_targets(register: Register) -> None:
    """Smoothing that knows how sure, or how often wrong, the teacher of a pseudo-label is."""
    register("adaptive-ls", "smoothkit_selftrain.targets.adaptive:AdaptiveSmoothing")
    register("measured-ls", "smoothkit_selftrain.targets.measured:MeasuredSmoothing")
