"""`python -m smoothkit_principles DIR` prints docs/principles.md from the study in DIR."""

import sys
from pathlib import Path

from smoothkit_principles.page import principles_page

if __name__ == "__main__":
    sys.stdout.write(principles_page(Path(sys.argv[1])))
