"""Which agents are trained as one program."""

from collections.abc import Hashable

from smoothkit.config import dump
from smoothkit_policy.config import PolicyConfig
from smoothkit_policy.exploration.terms import family

PER_MEMBER = ("coef", "schedule", "adaptive")
"""What agents of one program may differ in, beside terms of one family."""


def key(config: PolicyConfig) -> Hashable:
    """Agents with equal keys share a program: what they differ in is the strength of exploration alone.

    >>> from smoothkit_policy.config import ExplorationConfig
    >>> strong, weak = (PolicyConfig(scenario="policy", exploration=ExplorationConfig(term="entropy", coef=coef))
    ...                 for coef in (1.0, 0.1))
    >>> key(strong) == key(weak) == key(PolicyConfig(scenario="policy"))
    True
    """
    content = dump(config)
    exploration = {name: value for name, value in content["exploration"].items() if name not in PER_MEMBER}
    content["exploration"] = {**exploration, "term": family(config.exploration.term)}
    return repr(content)
