"""The page in a real browser: nothing is blocked, nothing overflows, the keyboard gets everywhere, both themes hold."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from smoothkit.conclusion import Conclusion
from smoothkit.report.page import write_report

from .conclusions import CURVES, LONG, concluded, table
from .conftest import write_study
from .test_marks import CROWD, FOUR
from .test_page import Waterfall, with_figure

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

NARROW = 320
"""A window of 1280 pixels at 400 %."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    name = " with a name that is much longer than any column of a table would like it"
    directory = write_study(tmp_path_factory.mktemp("browser") / "study", hostile=name, seeds=3)
    with_figure(directory, "waterfall", Waterfall(title="Loss", falls=(1.0, 0.5)).to_json())
    names = [f"species {place}" for place in range(40)]
    values = [[0.5 if row == column else None for column in range(40)] for row in range(40)]
    labels = {"rows": names, "columns": names, "row_label": "true class", "column_label": "class"}
    with_figure(directory, "large", {"kind": "matrix", "title": "Large", "values": values, **labels})
    sentence = "A sentence that is long enough to fill more than one line of a usual window, and then some. " * 3
    concluded(
        directory,
        Conclusion(
            words=(sentence, LONG),
            tables=(table(10, 60), table(10, 4, cell=f"{sentence} ", title=LONG)),
            figures={"one": CURVES, "four": FOUR, "crowd": CROWD},
        ),
    )
    return write_report([directory]).as_uri()


@pytest.fixture
def page(browser, address):
    browser.get(address)
    return browser


def emulate(browser, scheme: str = "light", width: int = 1280) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_the_browser_has_nothing_to_complain_about(page):
    assert page.get_log("browser") == []
    assert page.execute_script("return [...document.images].every(image => image.naturalWidth > 0)")
    # The style sheet is in force, so the policy's hash is right.
    assert page.execute_script("return getComputedStyle(document.querySelector('.skip')).position") == "absolute"


@pytest.mark.parametrize("width", [NARROW, 1280])
def test_no_width_makes_the_page_scroll_sideways(page, width):
    emulate(page, width=width)
    page.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    wide = """return [...document.querySelectorAll('figure svg, figure img')].filter(picture =>
        picture.getBoundingClientRect().right > window.innerWidth).length"""
    assert page.execute_script(wide) == 0


def test_labels_lie_within_their_pictures(page):
    emulate(page)
    outside = """return [...document.querySelectorAll('figure svg[role=img]')].flatMap(picture => {
        const frame = picture.getBoundingClientRect();
        return [...picture.querySelectorAll('text')].filter(label => {
            const box = label.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
                || box.bottom > frame.bottom + 1;
        }).map(label => label.textContent);
    })"""
    assert page.execute_script(outside) == []


def test_words_of_marks_lie_on_no_other_words_and_no_line(page):
    emulate(page)
    meeting = """return [...document.querySelectorAll('figure svg[role=img]')].flatMap(picture => {
        const words = [...picture.querySelectorAll('text')].map(label => [label.textContent, label.getBBox()]);
        const lines = [...picture.querySelectorAll('line.mark')].map(line => ['a line', line.getBBox()]);
        const meet = (one, other) => one.x < other.x + other.width && other.x < one.x + one.width
            && one.y + 2 < other.y + other.height && other.y + 2 < one.y + one.height;
        return lines.length ? words.flatMap(([text, box], place) => [...words.slice(place + 1), ...lines]
            .filter(([, other]) => meet(box, other)).map(([other]) => [text, other])) : [];
    })"""
    assert page.execute_script(meeting) == []
    assert page.execute_script("return document.querySelectorAll('line.mark').length") >= 9


def test_a_wide_table_scrolls_in_a_box_of_its_own(page):
    emulate(page, width=NARROW)
    script = """const region = document.querySelector('[aria-label="Gaps"]');
        return [region.scrollWidth, region.clientWidth, region.getBoundingClientRect().right]"""
    content, box, right = page.execute_script(script)
    assert content > box
    assert right <= NARROW


def test_the_keyboard_skips_the_contents_and_reaches_every_table(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    emulate(page)
    body = page.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    skip = page.switch_to.active_element
    assert skip.text == "Skip to the results"
    assert skip.location["x"] >= 0
    skip.send_keys(Keys.ENTER)
    page.switch_to.active_element.send_keys(Keys.TAB)
    region = page.switch_to.active_element
    assert (region.aria_role, region.accessible_name) == ("region", "Gaps")
    outline = page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", region)
    assert outline == "solid"


def test_pictures_follow_the_theme(page):
    script = """const style = name => getComputedStyle(document.querySelector(name));
        return [style('body').backgroundColor, style('svg .value').fill, style('.c0').stroke]"""
    emulate(page, "light")
    light = page.execute_script(script)
    emulate(page, "dark")
    dark = page.execute_script(script)
    assert light[:2] == ["rgb(255, 255, 255)", "rgb(27, 31, 36)"]
    assert dark[:2] == ["rgb(21, 24, 29)", "rgb(230, 233, 237)"]
    assert light[2] != dark[2]


def test_a_screen_reader_is_told_the_numbers_of_a_picture(page):
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})
    names = [
        node.get("name", {}).get("value", "")
        for node in tree["nodes"]
        if node.get("role", {}).get("value") in ("image", "img") and not node.get("ignored")
    ]
    assert any("ECE 0.200 (null 0.050), gap +0.100" in name for name in names), json.dumps(names)
    assert any(name == 'Loss: 1.0, 0.5 <"&' for name in names)
    assert all(names)
