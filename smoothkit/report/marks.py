"""Where the words of marks stand above a picture: near their lines, and on no other line and no other words."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from smoothkit.report.legibility import shorten

LONGEST = 44
"""Characters of a mark's words that a picture shows; its description has them all."""
GAP = 4.0
"""Least distance between words and whatever stands beside them."""
BESIDE = 3.0
"""Distance of words from their own line, where there is room."""


class Words(NamedTuple):
    """The words of one mark."""

    text: str
    at: float
    """Where the line stands."""
    left: float
    right: float
    """Where the words begin, and where they end at the latest."""
    row: int
    """How many rows are below; the line ends below its own."""

    @property
    def anchor(self) -> tuple[float, Literal["start", "end"]]:
        """Which end of the words is at which place: beside their line, for how wide words are is an estimate."""
        return (self.left, "start") if self.left >= self.at else (self.right, "end")


def width_of(text: str, character: float) -> float:
    """How wide a text is, about, where a usual character is so wide; a little more for most texts."""
    return character * sum(
        1.9 if letter >= "\u2e80" else 1.4 if letter >= "\u2000" or letter.isupper() or letter in "mw@%" else 1.0
        for letter in text
    )


def place_words(marks: Mapping[str, float], left: float, right: float, character: float) -> list[Words]:
    """Rows of words between `left` and `right`, the lowest first; `marks` are the places of lines, by their words.

    A line rises to its own row and crosses those below it, so what stands in a row keeps clear of the lines that go
    higher. The mark whose words have most room goes lowest; words that find none in a row of their own are cut.

    >>> [(words.text, words.left, words.row) for words in place_words({"a": 0.0, "b": 90.0}, 0.0, 99.0, 6.0)]
    [('b', 93.0, 0), ('a', 3.0, 0)]
    """
    waiting = sorted((at, shorten(" ".join(words.split()), LONGEST)) for words, at in marks.items())
    placed: list[Words] = []
    row = 0
    while waiting:
        taken = [(min(words.left, words.at), max(words.right, words.at)) for words in placed if words.row == row]
        rooms = _rooms([at for at, _ in waiting], taken, left, right)
        spare = [
            end - begin - width_of(text, character) for (begin, end), (_, text) in zip(rooms, waiting, strict=True)
        ]
        best = spare.index(max(spare))
        if spare[best] < 0 and taken:
            row += 1
            continue
        (begin, end), (at, text) = rooms[best], waiting.pop(best)
        while len(text) > 1 and width_of(text, character) > end - begin:
            text = shorten(text, len(text) - 1)
        width = width_of(text, character)
        start = at + BESIDE if at + BESIDE + width <= end else min(at - BESIDE, end) - width
        start = min(max(start, begin), end - width)
        placed.append(Words(text, at, start, start + width, row))
    return placed


def _rooms(
    lines: Sequence[float], taken: Sequence[tuple[float, float]], left: float, right: float
) -> list[tuple[float, float]]:
    """The stretch around each line that ends at the lines beside it, and at what is taken already."""
    rooms = []
    for (before, at), (_, after) in pairwise(pairwise([left - GAP, *lines, right + GAP])):
        starts = [end for begin, end in taken if begin <= at]
        ends = [begin for begin, _ in taken if begin > at]
        rooms.append((max(before, *starts, left - GAP) + GAP, min(after, *ends, right + GAP) - GAP))
    return rooms
