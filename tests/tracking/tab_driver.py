"""The Targets tab as a reader uses it, and as the server would feed it."""

import json
from typing import Any

import pytest

from smoothkit.tracking.figure_summary import shown

pytest.importorskip("selenium", reason="needs selenium, of the dependency group `test`")

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WAIT = 30


class Tab:
    """The page, as a reader uses it."""

    def __init__(self, driver: Any):
        self.driver = driver

    def until(self, condition):
        """Wait for `condition`; what it returned."""
        # The page may draw anew between finding an element and reading it.
        return WebDriverWait(self.driver, WAIT, 0.05, [StaleElementReferenceException]).until(lambda _: condition())

    def all(self, selector: str) -> list[Any]:
        """The elements that a CSS selector finds."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def card(self, tag: str, run: str) -> Any:
        """The card of one run in the section of one tag."""
        return self.until(lambda: self.all(f'section[aria-label="{tag}"] article[aria-label="{run}"]'))[0]

    def text(self, tag: str, run: str) -> str:
        """All that such a card says outside its drawing, in one line."""
        script = """
          const inside = (node) => node.nodeType === 3 ? [node.data]
            : node.tagName === "svg" ? [] : [...node.childNodes].flatMap(inside);
          return inside(arguments[0]).join(" ");
        """
        return " ".join(self.driver.execute_script(script, self.card(tag, run)).split())

    def drawing(self, tag: str, run: str) -> str:
        """The drawing of such a card, as markup."""
        return self.card(tag, run).find_element(By.CSS_SELECTOR, "svg").get_attribute("outerHTML")

    def slide(self, *keys: str) -> None:
        """Move the slider by the keyboard."""
        self.all("input[type=range]")[0].send_keys(*keys)

    def step(self) -> str:
        """The step that the slider names."""
        return self.all("output")[0].text

    def tick(self, name: str) -> None:
        """Click the checkbox of this name."""
        self.until(lambda: [box for box in self.all("label") if box.text == name])[0].click()


def loaded(tab: Tab) -> Tab:
    """The tab, once every figure of both runs is drawn; TensorBoard reads the log in the background."""
    tab.until(lambda: len(tab.all("article svg")) == 6 or press_reload(tab))
    return tab


def press_reload(tab: Tab) -> None:
    """Have the page look for figures, if it is there; the focus stays where it is."""
    for button in tab.all("button.reload"):
        tab.driver.execute_script("arguments[0].click()", button)


def answer(tab, tags):
    """Have the page told that there are these figures, of which none can be read, and have it ask."""
    script = """
      const tags = JSON.stringify(arguments[0]);
      const answer = (is) => is ? new Response(tags) : new Response("<b>gone</b>", { status: 404 });
      window.fetch = (address) => Promise.resolve(answer(address === "tags"));
    """
    tab.driver.execute_script(script, tags)
    press_reload(tab)


def serve(tab, figures, newest=0):
    """Have the page told that one run has these figures, by tag and step, and have it ask."""
    series = {
        tag: {"steps": list(steps), "figures": [json.dumps(shown(figure)) for figure in steps.values()]}
        for tag, steps in figures.items()
    }
    script = """
      window.fetch = (address) => {
        const tag = new URLSearchParams(address.split("?")[1]).get("tag");
        return Promise.resolve(new Response(JSON.stringify(tag ? arguments[0][tag] : arguments[1])));
      };
    """
    kinds = {tag: {"kind": "any", "newest": newest} for tag in figures}
    tab.driver.execute_script(script, series, {"kept": 500, "runs": {"run": kinds}})
    press_reload(tab)
