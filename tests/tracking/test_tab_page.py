"""The Targets tab in a real browser, inside TensorBoard, over a log of two runs."""

import re
from typing import Any

import pytest

from smoothkit.report.figures import KINDS
from smoothkit.report.numbers import MINUS
from smoothkit.tracking.tab import PLUGIN_NAME
from smoothkit.tracking.tab.plugin import STATIC
from tests.tracking.sample_figures import FIGURES
from tests.tracking.two_runs import HARD, LS, matrix

pytest.importorskip("selenium", reason="needs selenium, of the dependency group `test`")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.tracking.tab_driver import Tab, answer, loaded, press_reload, serve


@pytest.fixture
def framed(clean: Any, board: str) -> Tab:
    """The tab in its frame within TensorBoard."""
    clean.get(f"{board}#{PLUGIN_NAME}")
    tab = Tab(clean)
    clean.switch_to.frame(tab.until(lambda: tab.all("iframe"))[0])
    return loaded(tab)


def test_figures_of_all_runs_stand_side_by_side(framed):
    tab = framed
    assert [heading.text for heading in tab.all("section.tag h2")] == [
        "target/matrix",
        "validation/reliability",
        "final/matrix",
    ]
    left, right = (tab.card("validation/reliability", run).rect for run in (HARD, LS))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert not any("steps of each figure" in note.text for note in tab.all(".note"))


def test_the_slider_changes_what_is_drawn(tab):
    assert tab.step() == "step 600"
    tab.until(lambda: "ECE 0.600 gap +0.600 n = 200" in tab.text("validation/reliability", HARD))
    at_the_end = tab.drawing("validation/reliability", HARD), tab.drawing("target/matrix", HARD)
    tab.slide(Keys.HOME, *[Keys.ARROW_RIGHT] * 4)
    assert tab.step() == "step 50"
    tab.until(lambda: "ECE 0.050 gap +0.050 n = 200" in tab.text("validation/reliability", HARD))
    assert "step 50" in tab.text("validation/reliability", HARD)
    for former, now in zip(
        at_the_end,
        (tab.drawing("validation/reliability", HARD), tab.drawing("target/matrix", HARD)),
        strict=True,
    ):
        assert now != former
    entries = [entry.text for entry in tab.card("target/matrix", HARD).find_elements(By.CSS_SELECTOR, "text.entry")]
    assert entries == [".95", ".05", ".05", ".95"]


def test_what_a_figure_states_is_shown_instead_of_sums(tab):
    text = tab.text("validation/reliability", LS)
    assert f"ECE 0.123 (0.012 if calibrated) gap {MINUS}0.020 [{MINUS}0.050, +0.010] n = 200" in text


def test_each_run_shows_its_nearest_step_or_says_that_there_is_none(tab):
    tab.slide(Keys.HOME, *[Keys.ARROW_RIGHT] * 4)  # step 50; the other run has 10 and 80
    tab.until(lambda: "step 80 (nearest)" in tab.text("target/matrix", LS))
    assert "step 50" in tab.text("target/matrix", HARD)
    tab.tick("Nearest step where a run has none")
    tab.until(lambda: "No figure at step 50; the nearest is at step 80." in tab.text("target/matrix", LS))


def test_runs_and_figures_are_chosen_and_filtered(tab):
    tab.tick(LS)
    tab.tick("final/matrix")
    tab.until(lambda: len(tab.all("article")) == 2)
    assert {card.get_attribute("aria-label") for card in tab.all("article")} == {HARD}
    field = tab.all("input[type=search]")[0]
    field.send_keys("^ls")
    tab.until(lambda: [name.text for name in tab.all("section[aria-label=Runs] li")] == [LS])
    field.send_keys("(")
    tab.until(lambda: "No regular expression" in tab.all("section[aria-label=Runs] [role=alert]")[0].text)


def test_playing_ends_at_the_last_step(tab):
    tab.slide(Keys.END, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    button = tab.until(lambda: tab.all('button[aria-label="Play"]'))[0]
    button.click()
    assert button.get_attribute("aria-label") == "Pause"
    tab.until(lambda: button.get_attribute("aria-label") == "Play")
    assert tab.step() == "step 600"


def test_the_theme_is_that_of_tensorboard(framed):
    tab = framed

    def colours():
        script = """
          const style = (selector) => getComputedStyle(document.querySelector(selector));
          return [style("body").backgroundColor, style(".cells").fill, style(".entry").fill];
        """
        return tab.driver.execute_script(script)

    light = colours()
    tab.driver.execute_script("parent.document.body.classList.add('dark-mode')")
    tab.until(lambda: all(dark != former for dark, former in zip(colours(), light, strict=True)))
    tab.driver.execute_script("parent.document.body.classList.remove('dark-mode')")
    tab.until(lambda: colours() == light)


def test_a_loss_of_the_server_is_said_and_mended_by_reload(tab):
    script = (
        "window.real ??= window.fetch; window.fetch = arguments[0] ? window.real : () => Promise.reject(Error('gone'))"
    )
    tab.driver.execute_script(script, False)
    press_reload(tab)
    tab.until(lambda: "could not be loaded: gone. Reload" in tab.all("main > [role=alert]")[0].text)
    tab.driver.execute_script(script, True)
    press_reload(tab)
    tab.until(lambda: tab.all("main > [role=alert]")[0].text == "")


def test_a_page_without_figures_says_how_to_make_some(tab):
    assert "No figures yet" not in tab.all("main")[0].text
    answer(tab, {"kept": 500, "runs": {}})
    tab.until(lambda: "No figures yet" in tab.all("main")[0].text)
    assert "smoothkit run supervised" in tab.all("main")[0].text
    assert tab.all("article") == []


def test_steps_that_tensorboard_left_out_are_noted(tab):
    real = tab.driver.execute_async_script("fetch('tags').then((r) => r.json()).then(arguments[0])")
    answer(tab, {**real, "kept": 60})
    tab.until(lambda: "TensorBoard keeps 60 steps of each figure, so some may be missing" in tab.all(".note")[1].text)


def test_of_many_runs_one_of_each_folder_comes_first(tab):
    runs = [f"{variant}/seed-{seed}" for variant in "abcd" for seed in range(9)]
    answer(tab, {"kept": 500, "runs": {run: {"m": {"kind": "matrix", "newest": 0}} for run in runs}})
    tab.until(lambda: len(tab.all("article")) == 6)
    chosen = [card.get_attribute("aria-label") for card in tab.all("article")]
    assert chosen == ["a/seed-0", "a/seed-1", "b/seed-0", "b/seed-1", "c/seed-0", "d/seed-0"]


def swatches(tab):
    """The colour of each card's run."""
    return [swatch.get_attribute("style") for swatch in tab.all("article h3 .swatch")]


def test_the_runs_shown_at_first_differ_in_colour(tab):
    def tell(variants):
        runs = [f"{variant}/seed-{seed}" for variant in variants for seed in range(5)]
        answer(tab, {"kept": 500, "runs": {run: {"m": {"kind": "matrix", "newest": 0}} for run in runs}})

    tell("ab")
    tab.until(lambda: [card.get_attribute("aria-label")[0] for card in tab.all("article")] == list("aaabbb"))
    assert len(set(swatches(tab))) == 6
    former = dict(zip((card.get_attribute("aria-label") for card in tab.all("article")), swatches(tab), strict=True))
    tell("abcd")  # two more variants have begun
    tab.until(lambda: [card.get_attribute("aria-label")[0] for card in tab.all("article")] == list("aabbcd"))
    assert len(set(swatches(tab))) == 6
    now = dict(zip((card.get_attribute("aria-label") for card in tab.all("article")), swatches(tab), strict=True))
    assert {run: colour for run, colour in now.items() if run in former}.items() <= former.items()


def test_names_and_texts_are_never_taken_for_markup(tab):
    name = "<img src=x onerror=alert(1)>"
    answer(tab, {"kept": 500, "runs": {name: {name: {"kind": name, "newest": 0}}}})
    tab.until(lambda: tab.all("section.tag h2") and tab.all("section.tag h2")[0].text == name)
    tab.until(lambda: "Could not be loaded: <b>gone</b>" in tab.all("article")[0].text)
    assert tab.all("img, b") == []


@pytest.mark.parametrize("which", FIGURES)
def test_every_kind_is_drawn_and_no_degenerate_one_breaks(tab, which):
    figures = FIGURES[which]
    serve(tab, {f"tag {number}": {3: figure} for number, figure in enumerate(figures)})
    tab.until(lambda: len(tab.all('section[aria-label^="tag"] .title')) == len(figures))
    assert tab.all("article .error") == []
    drawings = [drawing.get_attribute("outerHTML") for drawing in tab.all("article svg:not([aria-hidden])")]
    assert not any(bad in drawing for drawing in drawings for bad in ("NaN", "Infinity", "undefined,", "null"))
    assert bool(drawings) == (which != "empty")
    assert all("aria-label" in drawing for drawing in drawings)


def test_a_slider_at_the_end_follows_the_run_and_another_stays(tab):
    serve(tab, {"tag": {step: matrix(step) for step in (10, 20)}})
    tab.until(lambda: tab.step() == "step 20")
    serve(tab, {"tag": {step: matrix(step) for step in (10, 20, 30)}}, newest=1)
    tab.until(lambda: tab.step() == "step 30")
    tab.slide(Keys.ARROW_LEFT)
    serve(tab, {"tag": {step: matrix(step) for step in (10, 15, 20, 30, 40)}}, newest=2)
    tab.until(lambda: tab.all("input[type=range]")[0].get_attribute("max") == "4")
    assert tab.step() == "step 20"


def test_the_tab_draws_every_kind_that_there_is():
    source = (STATIC / "board.js").read_text(encoding="utf-8")
    table = source[source.index("const DRAW = {") : source.index("};")]
    assert set(re.findall(r'^  "?([\w-]+)"?: draw', table, flags=re.MULTILINE)) == set(KINDS)
    assert {figure.kind for figure in FIGURES["all kinds"]} == set(KINDS)


def test_hyperparameters_are_in_their_tab(clean, board):
    clean.get(f"{board}#hparams")
    # TensorBoard's own table lies in shadow trees; what a reader sees is the text of all of them.
    script = """
      const text = (node) => node.nodeType === 3 ? node.data
        : [...(node.shadowRoot ?? node).childNodes, ...(node.shadowRoot ? node.childNodes : [])].map(text).join(' ');
      return text(document.body);
    """
    tab = Tab(clean)
    tab.until(lambda: all(word in clean.execute_script(script) for word in ("target.name", "onehot", HARD, LS)))
