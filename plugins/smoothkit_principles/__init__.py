"""Principles: what textbooks say of smoothed targets, measured claim by claim and judged."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario."""
    register("principles", "smoothkit_principles.config:SCENARIO")
