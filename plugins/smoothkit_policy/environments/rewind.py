"""Where an episode began, as plain data: the random numbers, and the attributes that outlive an episode.

Environments have no way of saving their state. Going back to where the episode began and doing the same again is one
that works for every environment whose randomness is its own `np_random`, however it keeps its state.
"""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

Origin = dict[str, Any]
"""`seed` if the episode began with one, else `random`, the generator's state, and `layers`: attributes of the
environment and of each wrapper around it, the outermost first."""

_SCALARS = frozenset({bool, int, float, str})
_LARGEST = 4096
"""Elements of an array that is still an attribute worth remembering, rather than a map or a picture."""


def origin_of(env: gymnasium.Env[Any, Any], seed: int | None) -> Origin:
    """What `return_to` needs to bring a copy of `env` where this one stands, just before a reset with `seed`."""
    layers = [attributes_of(layer) for layer in _layers(env)]
    if seed is not None:
        return {"seed": seed, "layers": layers}
    return {"random": env.unwrapped.np_random.bit_generator.state, "layers": layers}


def return_to(env: gymnasium.Env[Any, Any], origin: Origin) -> None:
    """Bring `env` where another copy stood before a reset; the reset, and the actions since, are still to be done."""
    for layer, attributes in zip(_layers(env), origin["layers"], strict=True):
        vars(layer).update(attributes)
    if "random" in origin:
        env.unwrapped.np_random.bit_generator.state = origin["random"]


def attributes_of(thing: Any, largest: float = _LARGEST) -> dict[str, Any]:
    """The attributes of `thing` that are numbers, strings, truth values or arrays of so many numbers at most."""
    kept = {name: value for name, value in vars(thing).items() if type(value) in _SCALARS}
    for name, value in vars(thing).items():
        if type(value) is np.ndarray and value.size <= largest and value.dtype.kind in "biuf":
            kept[name] = value.copy()
    return kept


def _layers(env: gymnasium.Env[Any, Any]) -> Iterator[gymnasium.Env[Any, Any]]:
    while isinstance(env, gymnasium.Wrapper):
        yield env
        env = env.env
    yield env
