"""The claims themselves, loaded by name."""

from functools import cache
from importlib import import_module

from smoothkit_principles.claim import Claim
from smoothkit_principles.claims import CLAIMS


@cache
def load_claim(name: str) -> Claim:
    """The claim called `name`, one of `CLAIMS`."""
    module, _, attribute = CLAIMS[name].partition(":")
    return getattr(import_module(f"smoothkit_principles.claims.{module}"), attribute)
