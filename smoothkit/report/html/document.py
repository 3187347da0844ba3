"""The whole page: its head, its list of contents, and its studies."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from smoothkit.report.folder import StudyRecord
from smoothkit.report.html.study import Part, study_parts
from smoothkit.report.numbers import count
from smoothkit.report.svg.canvas import text


def html_page(studies: Sequence[StudyRecord]) -> str:
    """The page, which is also well-formed XML. Text that comes from files is escaped.

    Its policy forbids scripts, requests and any style but its own, which it names by its hash.
    """
    title = " · ".join(study.title for study in studies)
    several = len(studies) > 1
    level = 2 if several else 1
    parts = [study_parts(study, f"study-{place}", level + 2) for place, study in enumerate(studies)]
    contents = _contents(studies, parts) if several else _links(parts[0])
    heading = f"<h1>Report on {count(len(studies), 'study').replace('ys', 'ies')}</h1>\n" if several else ""
    body = "".join(
        _study(study, found, place, level) for place, (study, found) in enumerate(zip(studies, parts, strict=True))
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="{_policy()}"/>
<title>{text(title)} — smoothkit report</title>
<style>{css()}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<nav aria-label="Contents">
<p>Contents</p>
{contents}</nav>
<main id="main" tabindex="-1">
{heading}{body}</main>
</body>
</html>
"""


@cache
def css() -> str:
    """The style sheet."""
    return (files("smoothkit.report.html") / "style.css").read_text(encoding="utf-8")


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(css().encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _contents(studies: Sequence[StudyRecord], parts: Sequence[Sequence[Part]]) -> str:
    items = "".join(
        f'<li><a href="#study-{place}">{text(study.title)}</a>\n{_links(found)}</li>\n'
        for place, (study, found) in enumerate(zip(studies, parts, strict=True))
    )
    return f"<ul>\n{items}</ul>\n"


def _links(parts: Sequence[Part]) -> str:
    items = "".join(f'<li><a href="#{part.identifier}">{text(part.title)}</a></li>\n' for part in parts)
    return f"<ul>\n{items}</ul>\n"


def _study(study: StudyRecord, parts: Sequence[Part], place: int, level: int) -> str:
    runs = sum(1 for run in study.runs if run.result)
    size = f"{count(len(study.summary['variants']), 'variant')}, {count(runs, 'run')} with a result"
    about = f"Scenario {study.summary['scenario']}; {size}; in {study.directory.resolve()}"
    sections = "".join(
        f'<section aria-labelledby="{part.identifier}">\n'
        f'<h{level + 1} id="{part.identifier}">{text(part.title)}</h{level + 1}>\n{part.content}</section>\n'
        for part in parts
    )
    return (
        f'<article aria-labelledby="study-{place}">\n<h{level} id="study-{place}">{text(study.title)}</h{level}>\n'
        f'<p class="quiet">{text(about)}</p>\n{sections}</article>\n'
    )
