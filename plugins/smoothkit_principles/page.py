"""The documentation's page on the principles, made from a run."""

from pathlib import Path

from smoothkit.claims.finding import Finding, counted, findings_of
from smoothkit.claims.study import measured_in
from smoothkit.errors import OutputError
from smoothkit.report.folder import read_study
from smoothkit.report.markdown import markdown_text
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claims import CLAIMS

HEAD = """\
# What textbooks say of smoothed targets

Every statement below was measured: `expected` is what is measured if it is true, `measured` is what was, as a mean over
seeds, and the verdict is computed from the two. Formulas are measured through the package's own targets and autograd;
what is said of training is measured on a small network and handwritten digits, and its verdict is about that. Each seed
has a start, batches and a division of the 1,797 images into training and test part of its own; `±` is half of the 95 %
interval over seeds, and `within` how far from what is expected still counts as equal.

A statement is "true" or "false" where it is so in every case. If it is "true for" some and nothing else is said, it is
false for the others. "not shown" is what the seeds leave open: where a statement differs from case to case, the chance
that any of its verdicts is wrong is kept at 5 % by Holm's method. One that holds in no case and fails in some counts as
false. "all" spreads alpha over all K classes, "others" over the K - 1 wrong ones.

This page was printed by

```
smoothkit run scenarios/principles.toml --output principles
python -m smoothkit_principles principles
```
"""


HEADER = """\
| verdict | statement | expected | within | measured |
| --- | --- | --- | --- | --- |"""


def principles_page(directory: Path) -> str:
    """The page about the study in `directory`, in Markdown: of the first variant with results, like its conclusion.

    Raises:
        OutputError: the folder holds no study, or one without results.
    """
    study = read_study(directory)
    variant = next((run.variant for run in study.runs if run.result), None)
    if variant is None:
        raise OutputError(f"{directory}: no run has a result; run the study to its end before its page is made")
    results = {run.seed: run.result for run in study.runs if run.result and run.variant == variant}
    found = {claim: findings_of(load_claim(claim), values) for claim, values in measured_in(results, CLAIMS).items()}
    of_which = f"{markdown_text(variant)}: " if len({run.variant for run in study.runs}) > 1 else ""
    counts = counted([finding for every in found.values() for finding in every])
    environment = study.summary["environment"]
    rests_on = f"Seeds: {len(results)}; torch {environment['torch']}, {environment['device']}."
    parts = [HEAD, f"{of_which}{counts} {rests_on}", ""]
    for name, every in found.items():
        parts += [f"## {markdown_text(load_claim(name).title)}", "", HEADER]
        parts += [row(each) for each in every]
        parts += ["", f"Source: {markdown_text(every[0].source)}.", ""]
    return "\n".join(parts)


def row(found: Finding) -> str:
    """A statement's row of its claim's table."""
    cells = found.verdict, found.statement, found.expected, found.tolerance, found.measured
    return f"| {' | '.join(markdown_text(text) for text in cells)} |"
