"""`smoothkit board`: what it refuses, what it prints, how it ends."""

import json
import signal
import time
import urllib.request
from urllib.parse import urlsplit

import pytest

from smoothkit.errors import UserError
from smoothkit.tracking.board import start
from smoothkit.tracking.tab import PLUGIN_NAME
from tests.tracking.conftest import address_of
from tests.tracking.two_runs import HARD, LS, write_two_runs


def test_a_folder_without_event_files_is_refused_in_one_line(smoothkit, tmp_path):
    (tmp_path / "empty").mkdir()
    result = smoothkit("board", "empty")
    assert result.exit_code == 2
    assert result.stderr.startswith("smoothkit: empty: holds no TensorBoard event files; ")
    assert result.stderr.count("\n") == 1
    assert smoothkit("board", "missing").stderr.startswith("smoothkit: missing: there is no such folder; ")


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_refused(smoothkit, port):
    result = smoothkit("board", ".", "--port", port)
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_a_name_that_tensorboard_would_misread_is_refused(tmp_path):
    folders = tmp_path / "a,b", tmp_path / "c"
    for folder in folders:
        folder.mkdir()
        (folder / "events.out.tfevents.1").touch()
    with pytest.raises(UserError, match="comma or colon"):
        start(folders, "localhost", 0)


def test_several_folders_are_shown_together_until_ctrl_c(start_board, tmp_path):
    folders = tmp_path / "first" / "study", tmp_path / "second"
    for folder in folders:
        write_two_runs(folder)
    process = start_board(*folders, "--port", "0")
    address = address_of(process)
    with urllib.request.urlopen(f"{address}data/plugin/{PLUGIN_NAME}/static/index.js") as page:
        assert page.status == 200
    expected = {f"{name}/{run}" for name in ("study", "second") for run in (HARD, LS)}
    # The loader comes to the folders one after the other.
    found, end = set(), time.monotonic() + 30
    while found != expected and time.monotonic() < end:
        with urllib.request.urlopen(f"{address}data/runs") as listing:
            found = set(json.load(listing))
    assert found == expected
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read() == ""


def test_a_port_in_use_is_one_clear_line(start_board, board, log):
    port = urlsplit(board).port
    process = start_board(log, "--port", str(port))
    out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert error == (
        f"smoothkit: TensorBoard could not bind to port {port}, it was already in use; choose another --port, or leave "
        "it out for the next free one\n"
    )
