// The board: a section for each tag, in it a card for each run, each card with the figure of the step that is shown.

import { drawCurves } from "./curves.js";
import { nearest } from "./data.js";
import { html, stepName } from "./dom.js";
import { drawIntervals } from "./intervals.js";
import { drawMatrix } from "./matrix.js";
import { Pointing } from "./pointing.js";
import { drawGroups, drawReliability } from "./reliability.js";

const DRAW = {
  matrix: drawMatrix,
  reliability: drawReliability,
  curves: drawCurves,
  intervals: drawIntervals,
  "group-reliability": drawGroups,
};

// A figure of a plugin's own kind comes as its description; its picture, of the final one, is under Images.
function drawOther(figure) {
  const hint = "This tab cannot draw figures of this kind. TensorBoard's Images tab has the picture of the final one.";
  return [html("p", {}, figure.description ?? ""), html("p", { class: "muted" }, hint)];
}

class Card {
  constructor(run, colour, pointing) {
    this._step = html("span", { class: "at" });
    this._body = html("div", { class: "body" });
    this._shown = null;
    this._pointing = pointing;
    const name = html("h3", { title: run }, html("i", { class: "swatch", style: `background:${colour}` }), run);
    this.element = html("article", { class: "card", "aria-label": run }, html("header", {}, name, this._step), this._body);
  }

  // Show the figure at `step`; where the run has none there, that of the nearest step, or a line that says so.
  show(series, step, useNearest) {
    const index = nearest(series.steps, step);
    const own = series.steps[index];
    this._step.textContent = stepName(own) + (own === step ? "" : " (nearest)");
    this._step.classList.toggle("other", own !== step);
    if (own !== step && !useNearest) {
      this._step.textContent = "";
      this.say(`No figure at ${stepName(step)}; the nearest is at ${stepName(own)}.`);
      return;
    }
    const parts = () => [...this._body.querySelectorAll("[tabindex]")];
    const focused = parts().indexOf(document.activeElement);
    try {
      const figure = series.at(index);
      if (figure === this._shown) return;
      this._shown = figure;
      this.element.classList.toggle("wide", figure.kind === "group-reliability");
      const drawing = (DRAW[figure.kind] ?? drawOther)(figure, this._pointing, this);
      this._body.replaceChildren(html("p", { class: "title" }, figure.title), ...drawing);
    } catch (error) {
      this.say(`This figure cannot be drawn: ${error.message}`, "error");
    }
    parts()[focused]?.focus({ preventScroll: true });
  }

  say(text, kind = "muted") {
    this._shown = null;
    this._body.replaceChildren(html("p", { class: kind }, text));
  }
}

export class Board {
  constructor() {
    this.element = html("div", { class: "board" });
    this._sections = new Map();
  }

  // Lay out these tags and runs; `colour` gives a run's swatch, `has(run, tag)` says whether there is a figure.
  arrange(tags, runs, colour, has) {
    // What is laid out already stays as it is, with the reader's focus and place in it.
    const layout = JSON.stringify(tags.map((tag) => [tag, runs.filter((run) => has(run, tag))]));
    if (layout === this._layout) return;
    this._layout = layout;
    const kept = this._sections;
    this._sections = new Map();
    for (const tag of tags) {
      const { cards: former, pointing } = kept.get(tag) ?? { cards: new Map(), pointing: new Pointing() };
      const present = runs.filter((run) => has(run, tag));
      if (!present.length) continue;
      const cards = new Map(present.map((run) => [run, former.get(run) ?? new Card(run, colour(run), pointing)]));
      const grid = html("div", { class: "cards" }, ...[...cards.values()].map((card) => card.element));
      const element = html("section", { class: "tag", "aria-label": tag }, html("h2", {}, tag), grid);
      this._sections.set(tag, { cards, pointing, element });
    }
    this.element.replaceChildren(...[...this._sections.values()].map(({ element }) => element));
  }

  // Every card with its run and tag.
  *cards() {
    for (const [tag, { cards }] of this._sections) for (const [run, card] of cards) yield { run, tag, card };
  }
}
