"""`smoothkit report`: what studies found, on the terminal and as files."""

from pathlib import Path

import click


@click.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the files; the first one if not given.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["terminal", "html", "markdown", "latex", "csv", "parquet"]),
    help="What to write; may be given several times. By default terminal, html and markdown.",
)
def report(directories: tuple[Path, ...], output: Path | None, formats: tuple[str, ...]) -> None:
    """Tables and plots of studies.

    On the terminal, as one HTML file that needs no other, and as tables for texts (Markdown, LaTeX) and programs (CSV,
    Parquet: a row per run and scalar). Studies may be running, or stopped; what cannot be read is named.
    """
    from rich.console import Console

    from smoothkit.plugins import host
    from smoothkit.report.folder import read_study
    from smoothkit.report.page import USUAL_FORMATS, write_files
    from smoothkit.report.terminal import terminal_report

    host()  # plugins may have figures of their own
    formats = formats or ("terminal", *USUAL_FORMATS)
    studies = [read_study(directory) for directory in directories]
    paths = write_files(studies, output or directories[0], [name for name in formats if name != "terminal"])
    if "terminal" in formats:
        for study in studies:
            Console().print(terminal_report(study))
    for path in paths:
        click.echo(f"report       {path}")
