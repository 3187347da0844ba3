"""What figures of the Targets tab say to those who read them by keys, by ear or without colours."""

import math
from dataclasses import replace

import pytest

from smoothkit.report.figures import CurvesFigure, GroupReliabilityFigure, MatrixFigure
from smoothkit.report.heat import entry, power_of
from smoothkit.report.numbers import MISSING
from tests.tracking.sample_figures import FIGURES, forest
from tests.tracking.two_runs import HARD, LS, reliability

pytest.importorskip("selenium", reason="needs selenium, of the dependency group `test`")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.tracking.tab_driver import serve


def test_arrow_keys_read_the_same_entry_in_every_run(tab):
    tab.card("target/matrix", HARD).find_element(By.CSS_SELECTOR, "svg").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    tab.until(lambda: "cat → dog: 0.6" in tab.text("target/matrix", HARD))
    assert "cat → dog: 0.57" in tab.text("target/matrix", LS)
    tab.slide(Keys.HOME)
    tab.until(lambda: "cat → dog: 0.01" in tab.text("target/matrix", HARD))


def shown(tab, figure, tag="shown"):
    """The drawings of a figure, once it is the only one on the page."""
    serve(tab, {tag: {3: figure}})
    return tab.until(lambda: tab.all(f'section[aria-label="{tag}"] svg:not([aria-hidden])'))


def said(tab):
    """What a screen reader is told of a change."""
    return [" ".join(region.text.split()) for region in tab.all("article [aria-live=polite][aria-atomic=true]")]


def test_curves_are_read_by_arrow_keys_and_said(tab):
    (figure,) = [figure for figure in FIGURES["all kinds"] if figure.kind == "curves"]
    (drawing,) = shown(tab, figure)
    assert drawing.get_attribute("role") == "application"
    assert said(tab) == []
    drawing.send_keys(*[Keys.ARROW_RIGHT] * 40)
    tab.until(lambda: said(tab) == ["a 3 at x 1"])
    drawing.send_keys(Keys.TAB)
    assert said(tab) == []


def test_curves_are_named_with_their_course(tab):
    y = {"a": (2.0, 5.0, None, 3.0), "b": (None,) * 4}
    x = {name: (0.0, 1.0, 2.0, 4.0) for name in y}
    (drawing,) = shown(tab, CurvesFigure(title="Loss", x_label="step", y_label="nats", x=x, y=y))
    assert drawing.get_attribute("aria-label").startswith(
        "Loss: nats against step. a: from 2 at 0 to 3 at 4, lowest 2, highest 5. b: no values."
    )


MARKS = {"the sign flips for two": 0.12, "the other group is worse": 0.2, "least": 0.22, "validation's": 0.39}


@pytest.mark.parametrize("marks", [MARKS, {f"explanation number {place}": 0.385 + 0.005 * place for place in range(4)}])
def test_marks_are_said_and_their_words_lie_on_nothing_else(tab, marks):
    x = {"a": (0.0, 0.4)}
    (drawing,) = shown(tab, CurvesFigure(title="Gap", x_label="alpha", y_label="gap", x=x, y=x, marks=marks))
    course = "; ".join(f"{words} at {at:.3g}" for words, at in marks.items())
    assert f"Marked on alpha: {course}. Arrow keys" in drawing.get_attribute("aria-label")
    script = """
      const box = (each) => [each.textContent, each.getBBox()];
      const boxes = (selector) => [...arguments[0].querySelectorAll(selector)].map(box);
      const [words, lines] = [boxes("text"), boxes("line.marked")];
      const meet = (one, other) => one.x < other.x + other.width && other.x < one.x + one.width
        && one.y + 2 < other.y + other.height && other.y + 2 < one.y + one.height;
      const { width, height } = arguments[0].viewBox.baseVal;
      return {
        words: words.map(([text]) => text),
        lines: lines.map(([, box]) => box.x),
        meeting: words.flatMap(([text, own], place) => [...words.slice(place + 1), ...lines]
          .filter(([, other]) => meet(own, other)).map(([other]) => [text, other])),
        outside: words.filter(([text, { x, y, width: wide, height: high }]) =>
          text !== "gap" && (x < 0 || y < 0 || x + wide > width || y + high > height)),
      };
    """
    found = tab.driver.execute_script(script, drawing)
    assert set(marks) <= set(found["words"])
    assert sorted(found["lines"]) == pytest.approx([48 + 300 * at / 0.4 for at in marks.values()])
    assert found["meeting"] == found["outside"] == []


def test_no_two_curves_look_alike_in_dashes_and_colour(tab):
    names = [f"curve {number}" for number in range(20)]
    x, y = {name: (0.0, 1.0) for name in names}, {name: (0.0, float(at)) for at, name in enumerate(names)}
    shown(tab, CurvesFigure(title="c", x_label="x", y_label="y", x=x, y=y))

    def looks(selector):
        strokes = tab.all(f"article {selector} .curve")
        return [(stroke.get_attribute("stroke-dasharray"), stroke.get_attribute("style")) for stroke in strokes]

    drawn = looks("svg:not([aria-hidden])")
    assert len({dash for dash, _ in drawn[:7]}) == 7
    assert len(set(drawn)) == 20
    assert looks("svg.sample") == drawn


def test_bins_are_read_by_arrow_keys_and_said(tab):
    (drawing,) = shown(tab, reliability(100, low=(None, 0.7), high=(None, 0.85)))
    drawing.send_keys(Keys.ARROW_RIGHT)
    text = "confidence 0.500 to 1.000: mean confidence 0.900, accuracy 0.800 [0.700, 0.850], n = 200"
    tab.until(lambda: said(tab) == [text])
    frame = drawing.find_element(By.CSS_SELECTOR, ".mark")
    assert [frame.get_attribute(name) for name in ("visibility", "x", "width")] == ["visible", "180", "140"]
    drawing.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    tab.until(lambda: said(tab) == ["confidence 0.000 to 0.500: no rows"])


def test_groups_are_read_bin_by_bin(tab):
    groups = {"day": reliability(10), "night": reliability(20)}
    _, night = shown(tab, GroupReliabilityFigure(title="g", groups=groups))
    night.send_keys(Keys.ARROW_RIGHT)
    text = "night, confidence 0.500 to 1.000: mean confidence 0.900, accuracy 0.880, n = 200"
    tab.until(lambda: said(tab) == [text])
    assert [mark.get_attribute("visibility") for mark in tab.all("article .mark")] == ["visible"] * 2
    # What has the focus keeps it while the figure is drawn anew.
    serve(tab, {"shown": {3: GroupReliabilityFigure(title="anew", groups=groups)}}, newest=1)
    tab.until(lambda: "anew" in tab.text("shown", "run"))
    focused = tab.driver.switch_to.active_element
    assert focused.get_attribute("aria-label").startswith("Reliability diagram night: ECE 0.020")


def test_rows_of_a_forest_plot_are_read_by_arrow_keys_and_said(tab):
    (drawing,) = shown(tab, forest((0.1, None), (0.0, None), (0.25, None)))
    drawing.send_keys(Keys.ARROW_DOWN)
    tab.until(lambda: said(tab) == ["0 0.1 [0, 0.25], n = 0"])
    drawing.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    tab.until(lambda: said(tab) == [f"1 {MISSING} [{MISSING}, {MISSING}], n = 1"])


def test_what_rounds_to_zero_has_no_sign(tab):
    shown(tab, replace(reliability(100), gap=-0.0004, gap_low=-0.0004, gap_high=0.0004))
    assert "gap 0.000 [0.000, 0.000]" in tab.text("shown", "run")
    (drawing,) = shown(tab, replace(FIGURES["all kinds"][0], values=((-0.0, -0.0), (0.0, 1.0))), "zeros")
    drawing.send_keys(Keys.ARROW_RIGHT)
    tab.until(lambda: said(tab) == ["cat → cat: 0"])


def test_a_matrix_looks_as_it_does_in_the_report(tab):
    row = (1.0, 0.25, 0.01, 0.0002, 0.0, -0.0, -0.04, -0.5, -1.0, None)
    wide = MatrixFigure(
        title="m", values=(row,), rows=("a",), columns=tuple("abcdefghij"), row_label="", column_label=""
    )
    (drawing,) = shown(tab, wide)
    texts = [text.text for text in drawing.find_elements(By.CSS_SELECTOR, "text.entry")]
    assert texts == [MISSING if value is None else entry(value) for value in row]
    strengths = {math.copysign(round(abs(value) ** power_of(10) * 48), value) for value in row if value is not None}
    paths = drawing.find_elements(By.CSS_SELECTOR, "path.positive, path.negative")
    signs = [-1 if "negative" in path.get_attribute("class") else 1 for path in paths]
    levels = [round(48 * float(path.get_attribute("fill-opacity"))) for path in paths]
    assert {sign * level for sign, level in zip(signs, levels, strict=True)} == strengths


def test_long_names_keep_their_ends(tab):
    names = tuple(f"golden retriever {number}" for number in range(2))
    figure = MatrixFigure(
        title="m", values=((1.0, 0.0), (0.0, 1.0)), rows=names, columns=names, row_label="", column_label=""
    )
    (drawing,) = shown(tab, figure)
    texts = [text.text for text in drawing.find_elements(By.CSS_SELECTOR, "text")]
    assert texts.count("golden…ver 0") == texts.count("golden…ver 1") == 2
