"""What the tests of the Targets tab share: a TensorBoard over a log of two runs, and a browser."""

import os
import re
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smoothkit.tracking.tab import PLUGIN_NAME
from tests.tracking.two_runs import write_two_runs

CHROMIUM = (
    "--headless",
    "--no-sandbox",  # continuous integration runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,1000",
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests talk to servers that they started themselves, and to nothing else."""
    resolve = socket.getaddrinfo

    def loopback(host: object, *arguments: Any, **options: Any) -> Any:
        if host not in ("localhost", "127.0.0.1"):
            raise OSError(f"tests have no network: {host}")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs of 60 steps."""
    root = tmp_path_factory.mktemp("log")
    write_two_runs(root)
    return root


@pytest.fixture(scope="session")
def start_board() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `smoothkit board`; what is still running at the end is ended."""
    started = []

    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "smoothkit", "board", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    """The address that the command prints once it serves."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0], "no address within a minute"
    line = process.stdout.readline()
    found = re.match(r"TensorBoard  (http://localhost:\d+/)  ", line)
    assert found, line or process.communicate()[1]
    return found[1]


@pytest.fixture(scope="session")
def board(start_board: Callable[..., "subprocess.Popen[str]"], log: Path) -> str:
    """The address of a board over `log`."""
    return address_of(start_board(log, "--port", "0"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the dependency group `test`")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs chromium and chromedriver; Debian's packages are chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in CHROMIUM:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture
def clean(browser: Any) -> Iterator[Any]:
    """The browser, in which nothing fails and nothing is refused during the test."""
    browser.switch_to.default_content()
    browser.get("about:blank")
    browser.get_log("browser")
    yield browser
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # A browser asks for an icon by itself, and TensorBoard has none outside its own page.
    assert [message for message in severe if "/favicon.ico" not in message] == []


@pytest.fixture
def tab(clean: Any, board: str) -> Any:
    """The tab's page by itself, as a `Tab`."""
    from tests.tracking.tab_driver import Tab, loaded

    clean.get(f"{board}data/plugin_entry.html?name={PLUGIN_NAME}")
    return loaded(Tab(clean))
