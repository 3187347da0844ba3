"""`smoothkit board`: TensorBoard over the folders of studies, with steps enough for the Targets tab."""

import contextlib
import io
import threading
from pathlib import Path

import click

from smoothkit.errors import SmoothkitError, UserError
from smoothkit.tracking.tab import PLUGIN_NAME, STEPS_KEPT


@click.command()
@click.argument("directories", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="localhost", show_default=True, help="Address to serve on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 6006 or the next free one if not given, 0 for any.")
def board(directories: tuple[Path, ...], host: str, port: int | None) -> None:
    """Show runs in TensorBoard, until Ctrl-C.

    Scalars, hyperparameters and pictures stand in TensorBoard's own tabs; the Targets tab plays reliability diagrams,
    matrices and other figures over the steps.
    """
    address = start(directories, host, port)
    click.echo(f"TensorBoard  {address}  (the Targets tab: {address}#{PLUGIN_NAME}; Ctrl-C ends it)")
    threading.Event().wait()


def start(directories: tuple[Path, ...], host: str, port: int | None) -> str:
    """Serve TensorBoard from a thread that ends with this process; the address.

    Raises:
        UserError: a folder holds no event files, or its name cannot be told to TensorBoard.
        SmoothkitError: the port is in use, or cannot be served on.
    """
    for directory in directories:
        if not directory.is_dir():
            raise UserError(f"{directory}: there is no such folder; name the output folder of a study")
        if next(directory.rglob("*tfevents*"), None) is None:
            raise UserError(
                f"{directory}: holds no TensorBoard event files; a study writes them once a run has begun, unless the "
                "plugin 'tensorboard' is blocked"
            )
    sources = _sources(directories)
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(**sources, host=host, port=port, samples_per_plugin={PLUGIN_NAME: STEPS_KEPT})
    try:
        # TensorBoard advertises its fast reader on every start, with an option that is not ours.
        with contextlib.redirect_stderr(io.StringIO()):
            return server.launch()
    except program.TensorBoardServerException as error:
        raise SmoothkitError(f"{error.msg}; choose another --port, or leave it out for the next free one") from error


def _sources(directories: tuple[Path, ...]) -> dict[str, str]:
    """What TensorBoard is told of the folders; of several, each has its name before those of its runs."""
    if len(directories) == 1:
        return {"logdir": str(directories[0])}
    names = [directory.resolve().name for directory in directories]
    if len(set(names)) < len(names):
        names = [str(directory).strip("/") for directory in directories]
    for directory, name in zip(directories, names, strict=True):
        if {",", ":"} & set(f"{name}{directory}"):
            raise UserError(f"{directory}: TensorBoard cannot show it beside others, for its name has a comma or colon")
    return {"logdir_spec": ",".join(f"{name}:{directory}" for name, directory in zip(names, directories, strict=True))}
