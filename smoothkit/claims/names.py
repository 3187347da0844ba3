"""The claims that a scenario file asks for, by name; light, as configurations are."""

from collections.abc import Callable, Collection

from smoothkit.errors import nearest


def names_among(choices: Collection[str], noun: str) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """A validator of names: each is one of `choices`, what the `noun` stands for, and none stands there twice.

    >>> names_among(("gains", "dirac"), "subject")(("gains", "gains"))
    Traceback (most recent call last):
    ValueError: subject 'gains' is named 2 times; name it once
    """

    def known(names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in choices:
                raise ValueError(f"there is no {noun} {name!r}; {nearest(name, choices)}")
            if names.count(name) > 1:
                raise ValueError(f"{noun} {name!r} is named {names.count(name)} times; name it once")
        return names

    return known
