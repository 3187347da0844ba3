"""`--variants`: which variants are meant by names and patterns."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from smoothkit.errors import ConfigError, nearest


def selected(chosen: Sequence[str], names: Sequence[str]) -> list[str]:
    """The `names` that the entries of `chosen` mean, each once, in the order in which they are chosen.

    An entry is a name; or a pattern with `*`, `?` or `[…]`, which means every name that it matches, in their own order;
    or several of either between commas. As names have commas too, it is first taken as a whole.

    >>> selected(["*, tau 0"], ["hard, tau 0", "hard, tau 0.8", "LS, tau 0"])
    ['hard, tau 0', 'LS, tau 0']
    >>> selected(["LS,hard"], ["hard", "LS", "OLS"])
    ['LS', 'hard']

    Raises:
        ConfigError: an entry means none.
    """
    found: list[str] = []
    problems: list[str] = []
    for entry in chosen:
        by_part = {entry: _matches(entry, names)}
        if not by_part[entry]:
            by_part = {part: _matches(part, names) for part in map(str.strip, entry.split(","))}
        found += [name for matches in by_part.values() for name in matches]
        if unknown := [part for part, matches in by_part.items() if not matches]:
            # Where names have commas, the entry is more likely one name with a mistake than several.
            wrong = [entry.strip()] if any("," in name for name in names) else unknown
            # Where some of its parts mean something, it was meant as several.
            hint = " Give --variants once for each" if wrong != unknown and len(unknown) < len(by_part) else ""
            problems += [
                f"--variants: no variant is called {words!r}; {nearest(words, names)}{hint}" for words in wrong
            ]
    if problems:
        raise ConfigError(problems)
    return list(dict.fromkeys(found))


def _matches(words: str, names: Sequence[str]) -> list[str]:
    return [words] if words in names else [name for name in names if fnmatchcase(name, words)]
