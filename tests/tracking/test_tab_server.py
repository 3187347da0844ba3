"""The server's side of the Targets tab, through TensorBoard's own application: routes, contents, refusals."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client

from smoothkit.report.figures import figure_from_json
from smoothkit.scenario import RunInfo
from smoothkit.tracking import tensorboard
from smoothkit.tracking.tab import PLUGIN_NAME
from tests.tracking.conftest import address_of
from tests.tracking.two_runs import HARD, LS, STEPS, matrix

ROUTE = f"/data/plugin/{PLUGIN_NAME}"


def application(log: Path, samples: dict[str, int]):
    """TensorBoard over `log`, with Python's loader, loaded to the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a library that TensorBoard ships
        from tensorboard import program
        from tensorboard.backend.application import TensorBoardWSGIApp
        from tensorboard.backend.event_processing.data_ingester import LocalDataIngester

        server = program.TensorBoard()
    server.configure(logdir=str(log), samples_per_plugin=samples, reload_task="blocking", reload_interval=0)
    ingester = LocalDataIngester(server.flags)
    ingester.start()
    return Client(TensorBoardWSGIApp(server.flags, server.plugin_loaders, ingester.data_provider))


@pytest.fixture(scope="module")
def client(log):
    return application(log, {PLUGIN_NAME: 500})


def series(client, run, tag):
    return client.get(f"{ROUTE}/series?{urlencode({'run': run, 'tag': tag})}")


def test_the_entry_point_names_the_plugin():
    (point,) = [point for point in entry_points(group="tensorboard_plugins") if point.name == PLUGIN_NAME]
    assert point.load().plugin_name == PLUGIN_NAME


def test_the_tab_is_listed_as_soon_as_there_are_figures(client, tmp_path):
    listed = client.get("/data/plugins_listing").json[PLUGIN_NAME]
    assert (listed["enabled"], listed["tab_name"]) == (True, "Targets")
    assert listed["loading_mechanism"] == {"type": "IFRAME", "module_path": f"{ROUTE}/static/index.js"}
    assert not application(tmp_path, {}).get("/data/plugins_listing").json[PLUGIN_NAME]["enabled"]


def test_tags_with_their_kinds(client):
    content = client.get(f"{ROUTE}/tags").json
    assert content["kept"] == 500
    assert {run: {tag: each["kind"] for tag, each in tags.items()} for run, tags in content["runs"].items()} == {
        run: {"final/matrix": "matrix", "target/matrix": "matrix", "validation/reliability": "reliability"}
        for run in (HARD, LS)
    }


def test_a_series_holds_every_step_and_its_figure(client):
    content = series(client, HARD, "target/matrix").json
    assert content["steps"] == list(STEPS)
    assert [figure_from_json(json.loads(text)) for text in content["figures"]] == [matrix(step) for step in STEPS]
    assert series(client, LS, "target/matrix").json["steps"] == list(STEPS)[::7]


def test_a_scalar_may_have_the_name_of_a_figure(client):
    # The log has the scalar `final/matrix` too; TensorBoard knows one plugin for each tag.
    assert series(client, HARD, "final/matrix").json["steps"] == [STEPS[-1]]
    assert "final/matrix" in client.get("/data/plugin/scalars/tags").json[HARD]


def test_without_the_flag_the_last_of_ten_steps_is_the_last(log):
    client = application(log, {})
    steps = series(client, HARD, "target/matrix").json["steps"]
    assert len(steps) == client.get(f"{ROUTE}/tags").json["kept"] == 10
    assert steps[-1] == STEPS[-1]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"run": "none", "tag": "target/matrix"}, 404, f"there is no run 'none' with figures; there are {LS}, {HARD}"),
        (
            {"run": HARD, "tag": "nothing"},
            404,
            "has no figure 'nothing'; it has final/matrix, target/matrix, validation",
        ),
        ({"run": HARD, "tag": "train/loss"}, 404, "has no figure 'train/loss'"),
        ({"run": HARD}, 400, "the address lacks ?tag=…"),
        ({"tag": "target/matrix"}, 400, "the address lacks ?run=…"),
    ],
)
def test_what_is_not_there_is_refused_with_a_reason(client, query, status, message):
    response = client.get(f"{ROUTE}/series?{urlencode(query)}")
    assert response.status_code == status
    assert message in response.text
    assert response.mimetype == "text/plain"


def test_files_of_the_page(client):
    response = client.get(f"{ROUTE}/static/index.js")
    assert (response.status_code, response.mimetype) == (200, "text/javascript")
    assert "export function render()" in response.text
    assert client.get(f"{ROUTE}/static/style.css").mimetype == "text/css"
    assert "import(" in client.get(f"/data/plugin_entry.html?name={PLUGIN_NAME}").text


@pytest.mark.parametrize(
    "name",
    ["../plugin.py", "..%2fplugin.py", "..%2F..%2Ftensorboard.py", "/etc/passwd", "%2e%2e/plugin.py", "", ".", "x.js"],
)
def test_no_other_file_is_served(client, name):
    response = client.get(f"{ROUTE}/static/{name}")
    assert response.status_code == 404
    assert "import" not in response.text


def test_the_page_imports_only_its_own_files():
    folder = Path(__file__).parents[2] / "smoothkit" / "tracking" / "tab" / "static"
    for module in folder.glob("*.js"):
        text = module.read_text(encoding="utf-8")
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), f"{module.name} names another host"
        imported = [line.split('"')[1] for line in text.splitlines() if line.startswith("import ")]
        assert all((folder / name).is_file() for name in imported), module.name


def ask(address, route, **query):
    """What a running TensorBoard answers."""
    with urllib.request.urlopen(f"{address.rstrip('/')}{ROUTE}/{route}?{urlencode(query)}") as response:
        return json.load(response)


def test_the_fast_loader_serves_the_same(client, board):
    # It reads in the background, run by run.
    expected, end = client.get(f"{ROUTE}/tags").json, time.monotonic() + 30
    while (found := ask(board, "tags")) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert found == expected
    assert ask(board, "series", run=HARD, tag="target/matrix") == series(client, HARD, "target/matrix").json
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(board, "series", run="none", tag="target/matrix")


def test_the_fast_loader_takes_the_resumed_run_for_one(start_board, tmp_path):
    def carry_on(resumed_from, steps, offset):
        run = RunInfo("supervised", "LS", 0, tmp_path, {}, resumed_from)
        tensorboard.smoothkit_run_started(run)
        for step in steps:
            tensorboard.smoothkit_figures(run, step, {"target/matrix": matrix(step + offset)})
        tensorboard.smoothkit_run_finished(run, "interrupted")

    (tmp_path / "config.toml").write_text("")
    carry_on(0, (10, 20, 30), 0)
    time.sleep(1.01 - time.time() % 1)  # the names of event files hold whole seconds
    carry_on(20, (30, 40), 1)
    address, content, end = address_of(start_board(tmp_path, "--port", "0")), {}, time.monotonic() + 30
    while content.get("steps", [0])[-1] != 40 and time.monotonic() < end:
        with contextlib.suppress(urllib.error.HTTPError):
            content = ask(address, "series", run=".", tag="target/matrix")
    assert content["steps"] == [10, 20, 30, 40]
    figures = [figure_from_json(json.loads(text)) for text in content["figures"]]
    assert figures == [matrix(10), matrix(20), matrix(31), matrix(41)]


def test_the_plugin_imports_nothing_heavy():
    """An import that fails would keep TensorBoard from starting."""
    code = (
        "import sys, smoothkit.tracking.tab.plugin;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)));"
        "print(*sorted(name for name in sys.modules if name.startswith('smoothkit')))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    packages, modules = (set(line.split()) for line in result.stdout.splitlines())
    # NumPy and markupsafe come with TensorBoard and werkzeug.
    assert packages - {"_distutils_hack", "__main__", "__mp_main__"} <= {
        "smoothkit",
        "pluggy",
        "tensorboard",
        "werkzeug",
        "numpy",
        "markupsafe",
    }
    tab = "smoothkit.tracking.tab"
    assert modules == {"smoothkit", "smoothkit.tracking", tab, f"{tab}.plugin"}
