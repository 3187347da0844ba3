"""The Targets tab of TensorBoard: figures of every run, over the steps.

TensorBoard imports this package when it starts, so it must load without anything heavy, and without fail.
"""

PLUGIN_NAME = "smoothkit_targets"
"""Under which TensorBoard knows the tab, its routes and its data."""

TAG_PREFIX = "_targets_/"
"""What tags of figures begin with in the event stream, where a scalar may have the same name; the tab leaves it out."""

STEPS_KEPT = 500
"""Steps of each tag that `smoothkit board` has TensorBoard keep in memory."""
