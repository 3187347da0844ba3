"""Reinforcement learning: what holds a policy's distribution over actions up, and what that costs and buys."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario that trains policies, and one that checks what is said of smoothing and exploration."""
    register("policy", "smoothkit_policy.config:SCENARIO")
    register("policy-truths", "smoothkit_policy.truths.config:SCENARIO")
