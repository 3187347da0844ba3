"""What can be said of each variant against the baseline, with its certainty."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from smoothkit.baselines import uncompared
from smoothkit.report.numbers import MISSING, count, decimals, number, p_value, quoted
from smoothkit.report.table import Cell, Row, Section, Strip, Table, Verdict, span
from smoothkit.statistics import LEVEL

Column = Literal["difference", "interval", "rows", "bootstrap", "p", "holm", "detectable", "verdict"]

BRIEF: tuple[Column, ...] = ("difference", "interval", "verdict")
# The verdict stands early: on a narrow screen the last columns are out of sight.
PAPER: tuple[Column, ...] = ("difference", "interval", "verdict", "rows", "holm")
USUAL: tuple[Column, ...] = ("difference", "interval", "verdict", "rows", "holm", "detectable")
FULL: tuple[Column, ...] = ("difference", "interval", "verdict", "rows", "bootstrap", "p", "holm", "detectable")

HEADINGS: Mapping[Column, str] = {
    "difference": "difference",
    "interval": "95 % interval",
    "rows": "over test rows too",
    "bootstrap": "bootstrap interval",
    "p": "p",
    "holm": "p (Holm)",
    "detectable": "detectable",
    "verdict": "verdict",
}
KEYS: Mapping[Column, str] = {
    "rows": "ci95_rows",
    "bootstrap": "ci95_bootstrap",
    "p": "p",
    "holm": "p_holm",
    "detectable": "detectable",
}
"""Where a summary has what is in a column; those of older versions lack some."""

NOT_FOR_OTHER_ROWS = "not shown for other test rows"
"""The verdict that more seeds do not change."""

ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}

Comparison = Mapping[str, Any]
"""An entry of a summary's comparisons: one variant, one scalar."""


def scalar_heading(summary: Mapping[str, Any], name: str) -> str:
    """The scalar's name in words, so that a narrow column can break it, and the direction that is better."""
    return name.replace("_", " ") + ARROWS[summary["better"].get(name)]


def reference(summary: Mapping[str, Any]) -> str:
    """What variants are compared with, in words: one of them, or each with its own counterpart.

    >>> reference({"baseline": "hard labels"})  # of a version without grids
    '“hard labels”'
    >>> reference({"baseline": "hard", "against": "target"})
    '“hard” where all else is equal'
    """
    return f"“{summary['baseline']}”" + (" where all else is equal" if summary.get("against") else "")


def interval_of(comparison: Comparison, key: str = "ci95") -> tuple[float, float] | None:
    """An interval of a comparison; None where there is none, or where it has no finite end."""
    interval = comparison.get(key)
    return None if interval is None or None in interval else (interval[0], interval[1])


def judge(comparison: Comparison) -> tuple[Verdict, str]:
    """What a comparison shows, as a verdict and in words.

    An interval that holds 0 shows no difference; nor does one that leaves 0 out by so little that its p-value, after
    Holm's correction for the number of variants, is above 5 %: over all variants of a scalar together, verdicts err at
    most so often where nothing differs. A difference of these test rows alone, whose interval
    for other test rows holds 0, is left open too. Summaries of older versions have neither.

    >>> judge({"ci95": [-0.1, 0.2], "better": "higher"})
    ('open', 'no difference shown')
    >>> judge({"ci95": [0.1, 0.2], "better": "lower", "p_holm": 0.01})
    ('worse', '▼ worse')
    >>> judge({"ci95": [0.1, 0.2], "better": "lower", "p_holm": 0.08})
    ('open', 'no difference shown after correction')
    >>> judge({"ci95": [0.1, 0.2], "better": "lower", "p_holm": 0.01, "ci95_rows": [-0.1, 0.4]})
    ('open', 'not shown for other test rows')
    """
    interval, better, p_holm = interval_of(comparison), comparison["better"], comparison.get("p_holm")
    if interval is None:
        return "open", "no interval"
    low, high = interval
    if low <= 0 <= high:
        return "open", "no difference shown"
    if low == high:
        # As many equal differences as there are seeds: with few of them that happens by chance, above all where a
        # scalar takes few values.
        return "open", "no spread: more seeds"
    if p_holm is not None and p_holm > LEVEL:
        return "open", "no difference shown after correction"
    if (over_rows := interval_of(comparison, "ci95_rows")) and over_rows[0] <= 0 <= over_rows[1]:
        return "open", NOT_FOR_OTHER_ROWS
    direction = "higher" if low > 0 else "lower"
    if better is None:
        return "different", direction
    return ("better", "▲ better") if direction == better else ("worse", "▼ worse")


def findings(summary: Mapping[str, Any]) -> list[str]:
    """One line per headline scalar that says for which variants a difference from the baseline was shown."""
    lines = []
    for name, by_variant in _by_scalar(summary).items():
        verdicts: dict[str, list[str]] = {}
        for variant, comparison in by_variant.items():
            verdicts.setdefault(judge(comparison)[1].lstrip("▲▼ "), []).append(variant)
        parts = [
            f"{words}: {', '.join(quoted(variants))}" if len(variants) < 4 else f"{words}: {len(variants)} variants"
            for words, variants in verdicts.items()
        ]
        lines.append(f"{scalar_heading(summary, name)} — {'; '.join(parts)}")
    return lines


def comparison_table(summary: Mapping[str, Any], columns: Sequence[Column] = BRIEF) -> Table:
    """Paired differences from the baseline: a section per headline scalar. Columns that would be empty are left out."""
    entries = _by_scalar(summary)
    everything = [entry for by_variant in entries.values() for entry in by_variant.values()]
    columns = [
        column
        for column in columns
        if column not in KEYS or any(entry.get(KEYS[column]) is not None for entry in everything)
    ]
    counts = {len(entry["seeds"]) for entry in everything}
    one_count = len(counts) < 2
    pairs = f"paired by seed, {count(max(counts, default=0), 'pair')}" if one_count else "paired by seed"
    return Table(
        title=f"Difference from {reference(summary)}, {pairs}",
        columns=("variant", *(HEADINGS[column] for column in columns), *([] if one_count else ["pairs"])),
        numeric=(False, *(column != "verdict" for column in columns), *([] if one_count else [True])),
        sections=tuple(
            Section(
                heading=scalar_heading(summary, name),
                rows=tuple(_rows(by_variant, columns, show_pairs=not one_count)),
            )
            for name, by_variant in entries.items()
        ),
        notes=(*_notes(everything, columns), *_power_notes(entries), *_lone_notes(summary)),
    )


def _by_scalar(summary: Mapping[str, Any]) -> dict[str, dict[str, Comparison]]:
    """The comparisons of the headline, by scalar, then by variant."""
    found = {
        name: {variant: scalars[name] for variant, scalars in summary["comparisons"].items() if name in scalars}
        for name in summary["headline"]
    }
    return {name: by_variant for name, by_variant in found.items() if by_variant}


def _rows(by_variant: Mapping[str, Comparison], columns: Sequence[Column], *, show_pairs: bool) -> Iterable[Row]:
    entries = by_variant.values()
    places = decimals(
        (_half_width(interval_of(entry) or interval_of(entry, "ci95_rows")) for entry in entries),
        (entry["difference"] for entry in entries),
    )
    shown = [
        value for entry in entries for value in (entry["difference"], *(interval_of(entry) or ())) if value is not None
    ]
    scale = span([0.0, *shown])
    for variant, entry in by_variant.items():
        verdict, _ = judge(entry)
        cells = [
            Cell(
                text=_TEXTS[column](entry, places),
                verdict=verdict if column in BRIEF else None,
                strip=_strip(entry, scale, places) if column == "interval" else None,
            )
            for column in columns
        ]
        pairs = [Cell(text=str(len(entry["seeds"])))] if show_pairs else []
        yield (Cell(text=variant), *cells, *pairs)


def _interval(interval: Sequence[float] | None, places: int) -> str:
    bounds = ", ".join(number(bound, places, signed=True) for bound in interval or ())
    return f"[{bounds}]" if bounds else MISSING


_TEXTS: Mapping[Column, Callable[[Comparison, int], str]] = {
    "difference": lambda entry, places: number(entry["difference"], places, signed=True),
    "interval": lambda entry, places: _interval(interval_of(entry), places),
    "rows": lambda entry, places: _interval(interval_of(entry, "ci95_rows"), places),
    "bootstrap": lambda entry, places: _interval(interval_of(entry, "ci95_bootstrap"), places),
    "p": lambda entry, places: p_value(entry.get("p")),
    "holm": lambda entry, places: p_value(entry.get("p_holm")),
    "detectable": lambda entry, places: number(entry.get("detectable"), places),
    "verdict": lambda entry, places: judge(entry)[1],
}


def _strip(entry: Comparison, scale: tuple[float, float], places: int) -> Strip | None:
    if entry["difference"] is None:
        return None
    interval = interval_of(entry)
    difference = number(entry["difference"], places, signed=True)
    words = f"difference {difference}, interval {_interval(interval, places)}" if interval else difference
    return Strip(points=(entry["difference"],), scale=scale, mark=0.0, interval=interval, description=words)


def _half_width(interval: Sequence[float] | None) -> float | None:
    return (interval[1] - interval[0]) / 2 if interval else None


def _notes(everything: Sequence[Comparison], columns: Sequence[Column]) -> Iterable[str]:
    if not any(interval_of(entry) for entry in everything):
        yield "An interval takes at least two seeds that both variants finished: run more with --seeds."
    else:
        yield " ".join(
            [
                "Intervals: Student's t over seeds, each on its own, not corrected for the number of comparisons.",
                *_verdict_notes(everything),
            ]
        )
    if "rows" in columns:
        yield "Over test rows too: the 95 % interval for other test rows as well, of scalars that are means over rows."
    if "detectable" in columns:
        yield (
            "Detectable: the smallest true difference that 80 % of studies with this spread and so many seeds would "
            "show, at 5 % divided by the number of variants that are compared, on these test rows."
        )


def _lone_notes(summary: Mapping[str, Any]) -> Iterable[str]:
    if lone := uncompared(summary.get("levels", {}), summary.get("against"), summary["baseline"]):
        yield f"Compared with nothing, as their counterparts are not in this study: {', '.join(quoted(lone))}."


def _verdict_notes(everything: Sequence[Comparison]) -> Iterable[str]:
    if any(entry.get("p_holm") is not None for entry in everything):
        yield "Verdicts: at 5 %, after Holm's correction over the variants of each scalar."
    if any(interval_of(entry, "ci95_rows") for entry in everything):
        yield "Means over test rows differ only where the interval for other test rows leaves 0 out as well."


def _power_notes(entries: Mapping[str, Mapping[str, Comparison]]) -> Iterable[str]:
    """For each scalar with a comparison that more seeds might settle: what so few of them find, most of the time."""
    for name, by_variant in entries.items():
        open_ones = [
            entry
            for entry in by_variant.values()
            if judge(entry)[0] == "open"
            and judge(entry)[1] != NOT_FOR_OTHER_ROWS
            and entry.get("detectable") is not None
        ]
        if open_ones:
            sizes = [entry["detectable"] for entry in open_ones]
            least, most = (number(size, decimals([size], [])) for size in (min(sizes), max(sizes)))
            seeds = sorted({len(entry["seeds"]) for entry in open_ones})
            size = least if least == most else f"{least} (for some variants {most})"
            plural = count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
            yield (
                f"{name.replace('_', ' ')}: with {plural}, a difference of {size} would be found in four studies of "
                "five; smaller ones are often missed."
            )
