"""The errors a user can meet: one line that names the place, the value, what was expected and the mend."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


class SmoothkitError(Exception):
    """A run failed for a reason that is not the user's input; the command line exits with code 1."""

    exit_code = 1


class UserError(SmoothkitError):
    """Something the user wrote or pointed at is wrong; the command line exits with code 2."""

    exit_code = 2


class ConfigError(UserError):
    """A scenario file or an override is wrong. Carries every problem found, one line each."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class OptionError(ValueError):
    """Options that do not fit together, blamed on one of them: for a validator of a whole table.

    `key` is that option's place below the table, with dots, and `message` what is said after it.

    >>> str(OptionError("train.average", "is 0, and evaluate.model is 'average'"))
    "train.average: is 0, and evaluate.model is 'average'"
    """

    def __init__(self, key: str, message: str):
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


class DataError(UserError):
    """Data are missing, truncated or not what their labels claim."""


class OutputError(UserError):
    """An output folder is in use, not empty, or not a study."""


class PluginError(UserError):
    """A plugin that is needed is missing, broken, blocked or in conflict with another."""


class TrainingError(SmoothkitError):
    """Training cannot go on: the loss is not finite, say. The last good checkpoint is kept."""


@contextmanager
def blame(place: str) -> Iterator[None]:
    """Turn a ValueError of the block into a `UserError` that names the table of the scenario file at fault."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest of the valid choices, or lists them all.

    >>> nearest("lss", ["onehot", "ls", "ls++"])
    "did you mean 'ls'?"
    >>> nearest("zebra", ["onehot", "ls"])
    'there are: ls, onehot'
    """
    known = sorted(choices)
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(known)}" if known else "there are none"
