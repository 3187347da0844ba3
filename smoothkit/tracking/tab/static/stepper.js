// The shared step: a slider over all steps there are, with buttons to go on, back, and to play.

import { html, stepName } from "./dom.js";

const PLAY_INTERVAL = 400;

export class Stepper {
  constructor(changed) {
    this._steps = [];
    this._index = 0;
    this._timer = null;
    this._changed = changed;
    this._slider = html("input", {
      type: "range",
      min: 0,
      id: "step",
      "aria-label": "Step",
      oninput: () => this._go(Number(this._slider.value)),
    });
    this._text = html("output", { for: "step", class: "step" });
    const button = (text, hint, action) =>
      html("button", { type: "button", title: hint, "aria-label": hint, onclick: action }, text);
    this._play = button("▶", "Play", () => (this._timer ? this.stop() : this._start()));
    this.element = html(
      "div",
      { class: "stepper", role: "group", "aria-label": "Step" },
      button("‹", "Previous step", () => this._go(this._index - 1)),
      this._play,
      button("›", "Next step", () => this._go(this._index + 1)),
      this._slider,
      this._text,
    );
  }

  // The step that is chosen; null while there is none.
  get step() {
    return this._steps.length ? this._steps[this._index] : null;
  }

  // Take over new steps. A slider at the end stays at the end, so that it follows a run in progress.
  update(steps) {
    const step = this.step;
    const atEnd = this._index >= this._steps.length - 1;
    this._steps = steps;
    const later = steps.findIndex((each) => each >= step);
    this._index = atEnd || later < 0 ? Math.max(0, steps.length - 1) : later;
    this._slider.max = Math.max(0, steps.length - 1);
    this._slider.disabled = steps.length < 2;
    this._show();
  }

  stop() {
    clearInterval(this._timer);
    this._timer = null;
    this._play.textContent = "▶";
    this._play.setAttribute("aria-label", "Play");
    this._play.title = "Play";
  }

  _start() {
    if (this._index >= this._steps.length - 1) this._go(0);
    this._play.textContent = "❚❚";
    this._play.setAttribute("aria-label", "Pause");
    this._play.title = "Pause";
    this._timer = setInterval(() => {
      this._go(this._index + 1);
      if (this._index >= this._steps.length - 1) this.stop();
    }, PLAY_INTERVAL);
  }

  _go(index) {
    const within = Math.max(0, Math.min(index, this._steps.length - 1));
    if (within === this._index) return;
    this._index = within;
    this._show();
    this._changed();
  }

  _show() {
    this._slider.value = this._index;
    const step = this.step;
    this._text.textContent = step === null ? "no steps" : stepName(step);
    this._slider.setAttribute("aria-valuetext", this._text.textContent);
  }
}
