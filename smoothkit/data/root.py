"""Where data sets lie."""

import os
from pathlib import Path


def data_root() -> Path:
    """The folder of data sets: `SMOOTHKIT_DATA`, or `~/.cache/smoothkit` where it is not set."""
    return Path(os.environ.get("SMOOTHKIT_DATA") or Path.home() / ".cache" / "smoothkit")
