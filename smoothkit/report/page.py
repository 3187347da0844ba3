"""The report: which files it is written to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from smoothkit.errors import OutputError
from smoothkit.files import write_text
from smoothkit.report.folder import StudyRecord, read_study
from smoothkit.report.html.document import html_page
from smoothkit.report.latex import latex_page
from smoothkit.report.markdown import markdown_page
from smoothkit.report.tidy import check_parquet, to_csv, write_parquet

Writer = Callable[[Sequence[StudyRecord]], str]

TEXTS: Mapping[str, tuple[str, Writer]] = {
    "html": ("report.html", html_page),
    "markdown": ("report.md", markdown_page),
    "latex": ("report.tex", latex_page),
    "csv": ("report.csv", to_csv),
}
PARQUET = "report.parquet"
USUAL_FORMATS = ("html", "markdown")


def write_report(
    directories: Sequence[Path], output: Path | None = None, formats: Sequence[str] = USUAL_FORMATS
) -> Path:
    """Write a report on the studies in `directories` to the folder `output`; return the path of the first format.

    Without `output`, it goes to the first study's folder. Studies may be unfinished; the report says what is missing.
    `formats` are any of html, markdown, latex, csv and parquet.

    Raises:
        OutputError: a folder holds no study, or the report cannot be written.
        UserError: pyarrow, which Parquet needs, is not installed.
    """
    return write_files([read_study(directory) for directory in directories], output or directories[0], formats)[0]


def write_files(studies: Sequence[StudyRecord], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the formats to `folder`, which is made if there are any; return their paths.

    Raises:
        OutputError: they cannot be written.
        UserError: pyarrow, which Parquet needs, is not installed.
    """
    if "parquet" in formats:
        check_parquet()
    if not formats:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(studies, folder, name) for name in formats]
    except OSError as error:
        raise OutputError(
            f"{folder}: the report cannot be written: {error}; name another folder by --output"
        ) from error


def _write(studies: Sequence[StudyRecord], folder: Path, name: str) -> Path:
    if name == "parquet":
        path = folder / PARQUET
        write_parquet(studies, path)
    else:
        file, write = TEXTS[name]
        path = folder / file
        write_text(path, write(studies))
    return path
