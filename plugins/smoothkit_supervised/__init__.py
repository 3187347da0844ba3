"""Supervised classification: what a target does to accuracy, calibration, margins and weights."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario."""
    register("supervised", "smoothkit_supervised.config:SCENARIO")
