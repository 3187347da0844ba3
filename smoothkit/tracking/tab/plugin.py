"""The server's side of the Targets tab: which figures there are, their steps, and the page that draws them.

An exception here would keep TensorBoard from starting, so nothing is imported but TensorBoard, werkzeug and the
standard library, and nothing is read before it is asked for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tensorboard import context, errors
from tensorboard.backend import experiment_id, http_util
from tensorboard.data.provider import RunTagFilter
from tensorboard.plugins.base_plugin import FrontendMetadata, TBContext, TBPlugin
from werkzeug import Request, Response

from smoothkit.tracking.tab import PLUGIN_NAME, TAG_PREFIX

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css"}
KEPT_BY_DEFAULT = 10
"""Steps of each tag that TensorBoard keeps for a plugin that it was told nothing about."""


class TargetsPlugin(TBPlugin):
    """The Targets tab. Routes: `/tags`, `/series?run=…&tag=…`, `/static/…`."""

    plugin_name = PLUGIN_NAME

    def __init__(self, surroundings: TBContext):
        self._data: Any = surroundings.data_provider
        self._kept = (surroundings.sampling_hints or {}).get(PLUGIN_NAME, KEPT_BY_DEFAULT)

    def get_plugin_apps(self) -> Mapping[str, Callable[..., Any]]:
        """The routes."""
        return {
            "/tags": Request.application(self._tags),
            "/series": Request.application(self._series),
            "/static/*": Request.application(self._static),
        }

    def is_active(self) -> bool:
        """TensorBoard itself sees whether there are figures; nothing else activates the tab."""
        return False

    def frontend_metadata(self) -> FrontendMetadata:
        """The page: a module that TensorBoard loads into a frame of its own."""
        return FrontendMetadata(es_module_path="/static/index.js", tab_name="Targets")

    def _tags(self, request: Request) -> Response:
        """What there is: `{"kept": 500, "runs": {run: {tag: {"kind": "matrix", "newest": 1.7e9}}}}`.

        `newest` changes when a tag has a new step. `kept` is the number of steps beyond which some of a tag are left
        out, 0 for all.
        """
        runs = {
            run: {
                tag.removeprefix(TAG_PREFIX): {
                    "kind": series.plugin_content.decode("utf-8", "replace"),
                    "newest": series.max_wall_time,
                }
                for tag, series in tags.items()
            }
            for run, tags in self._list(request).items()
        }
        return http_util.Respond(request, {"kept": self._kept, "runs": runs}, "application/json")

    def _series(self, request: Request) -> Response:
        """All steps of one tag of one run: `{"steps": [10, …], "figures": ["{…}", …]}`, each figure a JSON text.

        Raises:
            InvalidArgumentError: no run or no tag is given.
            NotFoundError: there is no such run, or it has no such tag.
        """
        run, tag = _argument(request, "run"), _argument(request, "tag")
        found = self._data.read_tensors(
            **_who_asks(request),
            downsample=self._kept or 2**31 - 1,
            run_tag_filter=RunTagFilter(runs=[run], tags=[TAG_PREFIX + tag]),
        )
        series = found.get(run, {}).get(TAG_PREFIX + tag)
        if series is None:
            raise errors.NotFoundError(self._absent(request, run, tag))
        texts = [datum.numpy.item() for datum in series]
        content = {
            "steps": [datum.step for datum in series],
            "figures": [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts],
        }
        return http_util.Respond(request, content, "application/json")

    def _static(self, request: Request) -> Response:
        """One file of the page, from the list of those that there are."""
        name = request.path.rpartition("/static/")[2]
        files = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
        if name not in files:
            raise errors.NotFoundError(f"the Targets tab has no file {name!r}")
        return http_util.Respond(request, files[name].read_bytes(), TYPES[files[name].suffix])

    def _absent(self, request: Request, run: str, tag: str) -> str:
        runs = self._list(request)
        if run not in runs:
            return f"there is no run {run!r} with figures; there are {', '.join(sorted(runs)) or 'none'}"
        tags = sorted(name.removeprefix(TAG_PREFIX) for name in runs[run])
        return f"run {run!r} has no figure {tag!r}; it has {', '.join(tags)}"

    def _list(self, request: Request) -> Mapping[str, Mapping[str, Any]]:
        return self._data.list_tensors(**_who_asks(request))


def _who_asks(request: Request) -> dict[str, Any]:
    """What every question to TensorBoard's data says of itself."""
    experiment = request.environ.get(experiment_id.WSGI_ENVIRON_KEY, "")
    return {"ctx": context.from_environ(request.environ), "experiment_id": experiment, "plugin_name": PLUGIN_NAME}


def _argument(request: Request, name: str) -> str:
    value = request.args.get(name)
    if value is None:
        raise errors.InvalidArgumentError(f"the address lacks ?{name}=…")
    return value
