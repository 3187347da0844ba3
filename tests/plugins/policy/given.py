"""Policies that are given and not learned."""

import torch

from smoothkit_policy.environments.make import describe
from smoothkit_policy.policy import Policy
from smoothkit_policy.trained import Trained


class GivenPolicy(Policy):
    """Probabilities of a table, by the index of the state; or those of its only row, whatever is seen."""

    def __init__(self, chances, spec):
        object.__setattr__(self, "chances", torch.as_tensor(chances, dtype=torch.float64))
        object.__setattr__(self, "spec", spec)

    def log_probs(self, observations):
        rows = torch.zeros(len(observations), dtype=torch.int64) if len(self.chances) == 1 else observations
        return self.chances[rows].log().float()

    def table(self):
        return self.chances


def given_trained(environment, chances, visits=None, smoothing=0.0):
    """As if training in this environment had come to a policy of these probabilities."""
    spec, tables = describe(environment)
    return Trained(GivenPolicy(chances, spec), spec, tables, visits, smoothing)
