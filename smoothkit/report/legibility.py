"""What can be made out: how many classes, names and points a picture shows, how a long name is cut, what is no text."""

import re

LARGEST_ANNOTATED = 12
"""Classes up to which every entry of a matrix is written into its cell."""
MOST_CLASSES = 100
"""Classes of a matrix that are kept; beyond that nothing can be read from it."""
MOST_DIAGRAMS = 12
"""Classes or groups up to which each has a reliability diagram of its own."""
MOST_TICKS = 25
"""Names that an axis shows; of more classes, every second or third one and so on."""
LONGEST_NAME = 16
"""Characters of a class name that an axis shows."""
NO_TEXT = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Colours of a terminal, other control characters, and what no file in UTF-8 or XML can hold."""


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """A name that is too long, with an ellipsis for its middle: names often differ at their ends.

    >>> shorten("golden retriever 17", 12)
    'golden…er 17'
    """
    head = longest // 2
    return name if len(name) <= longest else name[:head] + "…" + name[head + 1 - longest :]


def named_ticks(names: int) -> range:
    """Which of so many names an axis shows.

    >>> list(named_ticks(60))[:4]
    [0, 3, 6, 9]
    """
    return range(0, names, -(-names // MOST_TICKS) or 1)


def kept_points(points: int, most: int) -> list[int]:
    """Which of so many points are kept: `most` of them at even distances, the first and the last included.

    >>> kept_points(9, 5), kept_points(3, 5)
    ([0, 2, 4, 6, 8], [0, 1, 2])
    """
    if points <= most:
        return list(range(points))
    return [round(place * (points - 1) / (most - 1)) for place in range(most)]


def printable(text: str) -> str:
    r"""`text` without what a terminal obeys, or a file cannot hold.

    >>> printable("\x1b[31mred\x1b[0m\x07\ud800")
    'red'
    """
    return NO_TEXT.sub("", text)
