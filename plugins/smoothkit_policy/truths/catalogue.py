"""The truths themselves, loaded by name."""

from functools import cache
from importlib import import_module

from smoothkit.claims.claim import Claim
from smoothkit_policy.truths.bench import Bench


@cache
def load_truth(name: str) -> Claim[Bench]:
    """The claim called `name`, one of `TRUTHS`."""
    return import_module(f"smoothkit_policy.truths.{name.replace('-', '_')}").CLAIM
