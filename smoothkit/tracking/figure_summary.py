"""Figures as TensorBoard summaries: one JSON text per figure and step, which the Targets tab draws.

TensorBoard holds every step in memory and a browser fetches a tag's steps at once, so what no screen could show is left
out: digits beyond the sixth, classes beyond the hundredth, points of a curve closer than a pixel.
"""

# Protocol buffers build their classes at run time, where a type checker cannot see them.
# pyright: reportAttributeAccessIssue=false

import json
from typing import Any

from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING

from smoothkit.files import finite
from smoothkit.report.figures import KINDS, CurvesFigure, Figure, MatrixFigure
from smoothkit.report.legibility import MOST_CLASSES, kept_points
from smoothkit.tracking.tab import PLUGIN_NAME, TAG_PREFIX

MOST_POINTS = 400
"""Points of a curve that are written."""


def figure_summary(tag: str, figure: Figure) -> Summary:
    """The summary of one figure under `tag`: a string tensor, of which the metadata tell the kind."""
    plugin_data = SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME, content=figure.kind.encode())
    metadata = SummaryMetadata(plugin_data=plugin_data, data_class=DATA_CLASS_TENSOR)
    text = json.dumps(shown(figure), allow_nan=False, separators=(",", ":"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=TensorShapeProto())
    return Summary(value=[Summary.Value(tag=f"{TAG_PREFIX}{tag}", metadata=metadata, tensor=tensor)])


def shown(figure: Figure) -> dict[str, Any]:
    """The figure as strict JSON data, without what cannot be seen; `full_shape` tells of a matrix that was cut.

    A plugin's own kind, which the tab cannot draw, comes as its description.

    >>> from smoothkit.report.figures import MatrixFigure
    >>> names = tuple(map(str, range(200)))
    >>> values = ((1 / 3,) * 200,) * 200
    >>> cut = shown(MatrixFigure(title="C", values=values, rows=names, columns=names, row_label="", column_label=""))
    >>> len(cut["values"]), len(cut["rows"]), cut["full_shape"], cut["values"][0][0]
    (100, 100, [200, 200], 0.333333)
    """
    if figure.kind not in KINDS:
        return {"kind": figure.kind, "title": figure.title, "description": _description(figure)}
    data = finite(figure.to_json())
    if isinstance(figure, MatrixFigure) and max(len(figure.rows), len(figure.columns)) > MOST_CLASSES:
        data["full_shape"] = [len(figure.rows), len(figure.columns)]
        data["rows"], data["columns"] = data["rows"][:MOST_CLASSES], data["columns"][:MOST_CLASSES]
        data["values"] = [row[:MOST_CLASSES] for row in data["values"][:MOST_CLASSES]]
    if isinstance(figure, CurvesFigure):
        # The axes and the bands of one curve have one length, so all of them lose the same points.
        for part in ("x", "y", "low", "high"):
            data[part] = {
                name: [values[place] for place in kept_points(len(values), MOST_POINTS)]
                for name, values in data[part].items()
            }
    return _rounded(data)


def _description(figure: Figure) -> str:
    # The plugin's code, of which a failure at one step is no reason to lose the figure's other steps.
    try:
        return str(figure.describe())
    except Exception as error:
        return f"cannot be described: {type(error).__name__}: {error}"


def _rounded(value: Any) -> Any:
    """`value` with every fraction, at any depth, to six significant digits."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) and not value.is_integer() else value
