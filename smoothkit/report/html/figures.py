"""The figures of a study: each one's pictures of all variants beside each other."""

from collections.abc import Callable, Mapping, Sequence

from smoothkit.report.figure_tables import figure_table
from smoothkit.report.figures import CurvesFigure, Figure
from smoothkit.report.folder import StudyRecord
from smoothkit.report.html.tables import html_table
from smoothkit.report.svg.canvas import text
from smoothkit.report.svg.panels import Panel, key, panels
from smoothkit.report.table import Table

MOST_OPEN = 8
"""Pictures that stand open; more of one figure are folded away."""


def study_figures(study: StudyRecord) -> dict[str, dict[str, Figure]]:
    """Figures by name, then by variant and seed: those of each variant's first seed that has a result."""
    found: dict[str, dict[str, Figure]] = {}
    for variant, runs in study.by_variant().items():
        seed, result = next(((run.seed, run.result) for run in runs if run.result), (0, None))
        for name, figure in result.figures.items() if result else ():
            found.setdefault(name, {})[f"{variant}, seed {seed}"] = figure
    return {name: _together(figures) for name, figures in found.items()}


def _together(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures, or one of all if each is a single curve over the same axes and marks: so curves compare best."""
    first = next(iter(figures.values()))
    single = [figure for figure in figures.values() if isinstance(figure, CurvesFigure) and len(figure.y) == 1]
    axes = {(figure.x_label, figure.y_label, *figure.marks.items()) for figure in single}
    if not isinstance(first, CurvesFigure) or len(single) < len(figures) or len(figures) < 2 or len(axes) > 1:
        return dict(figures)
    named = dict(zip(figures, single, strict=True))

    def only(values: Callable[[CurvesFigure], Mapping[str, tuple]]) -> dict[str, tuple]:
        return {name: next(iter(values(f).values())) for name, f in named.items() if values(f)}

    return {
        "": CurvesFigure(
            title=first.title,
            x_label=first.x_label,
            y_label=first.y_label,
            x=only(lambda figure: figure.x),
            y=only(lambda figure: figure.y),
            low=only(lambda figure: figure.low),
            high=only(lambda figure: figure.high),
            marks=first.marks,
        )
    }


def html_figures(figures: Mapping[str, Figure], identifier: str) -> str:
    """The pictures of one figure with their key and, folded away, their numbers.

    Pictures whose keys differ have one each. A figure that cannot be drawn is a line that says why.
    """
    drawn: dict[str, list[Panel]] = {}
    tables: list[Table] = []
    failed: dict[str, list[str]] = {}
    for place, (caption, figure) in enumerate(figures.items()):
        try:
            drawn[caption] = panels(figure, f"{identifier}-{place}")
            tables += filter(None, [figure_table(figure, caption)])
        except Exception as error:
            # Anything may be wrong with what a plugin draws or a file holds; the rest of the page is not concerned.
            failed.setdefault(str(error) or type(error).__name__, []).append(caption)
    numbers = details("The numbers in these pictures", "".join(map(html_table, tables))) if tables else ""
    keys = {caption: _key(figures[caption]) for caption in drawn}
    common = next(iter(keys.values())) if len({*keys.values()}) == 1 else ""
    pictures = [
        _picture(panel, caption, "" if common else keys[caption]) for caption, found in drawn.items() for panel in found
    ]
    wide = any(panel.wide for found in drawn.values() for panel in found)
    gaps = "".join(_gap(reason, captions) for reason, captions in failed.items())
    return common + _row(pictures, wide=wide) + numbers + gaps


def _gap(reason: str, captions: Sequence[str]) -> str:
    more = f" and {len(captions) - 1} more" if len(captions) > 1 else ""
    where = f"{captions[0]}{more}: " if captions[0] else ""
    return f'<p class="gap">{text(where)}cannot be drawn: {text(reason)}</p>\n'


def _picture(panel: Panel, caption: str, legend: str) -> str:
    words = " · ".join(filter(None, (panel.caption, caption)))
    above = f"<figcaption>{text(words)}</figcaption>" if words else ""
    return f"<figure>{above}{legend}{panel.picture}</figure>\n"


def _row(pictures: Sequence[str], *, wide: bool) -> str:
    class_ = "row wide" if wide else "row"
    shown, folded = (
        f'<div class="{class_}">\n{"".join(part)}</div>\n' if part else ""
        for part in (pictures[:MOST_OPEN], pictures[MOST_OPEN:])
    )
    return shown + (details(f"{len(pictures) - MOST_OPEN} more pictures", folded) if folded else "")


def _key(figure: Figure) -> str:
    items = "".join(f"<li>{sign}{text(words)}</li>" for sign, words in key(figure))
    return f'<ul class="key">{items}</ul>\n' if items else ""


def details(summary: str, content: str) -> str:
    """Content that is folded away until it is asked for."""
    return f"<details><summary>{text(summary)}</summary>\n{content}</details>\n"
