"""The claims themselves, loaded by name."""

from functools import cache
from importlib import import_module

from smoothkit.claims.claim import Claim
from smoothkit_principles.claims import CLAIMS
from smoothkit_principles.lab import Lab


@cache
def load_claim(name: str) -> Claim[Lab]:
    """The claim called `name`, one of `CLAIMS`."""
    module, _, attribute = CLAIMS[name].partition(":")
    return getattr(import_module(f"smoothkit_principles.claims.{module}"), attribute)
