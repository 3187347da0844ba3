"""smoothkit: target distributions as first-class objects.

>>> import smoothkit
>>> smoothkit.target("ls", num_classes=10, alpha=0.1)  # doctest: +SKIP
LabelSmoothing(num_classes=10, alpha=0.1, convention='all', ...)

Importing this package does not import torch; using a target does.
"""

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from smoothkit.targets import Target

__version__ = "0.1.0"
API = 1
"""Counts breaking changes of the hooks; a plugin may state `smoothkit_api = 1`."""

hookimpl = pluggy.HookimplMarker("smoothkit")


def target(name: str, num_classes: int, **options: Any) -> "Target":
    """Build any registered target by the name that scenario files use.

    Raises:
        UserError: no target has that name; the nearest is offered.
        ValueError: an option is out of range.
    """
    from smoothkit.plugins import build

    return build("targets", name, num_classes=num_classes, **options)


__all__ = ["API", "__version__", "hookimpl", "target"]
