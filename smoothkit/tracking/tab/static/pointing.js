// What the reader points at in one figure is shown in the figures beside it: the same entry, or the same place on an axis.

import { svg } from "./dom.js";

export class Pointing {
  constructor() {
    this.at = null;
    this._watchers = new Map();
  }

  // Have `show` called for `who` now and whenever the reader points elsewhere.
  watch(who, show) {
    this._watchers.set(who, show);
    show(this.at);
  }

  move(at) {
    this.at = at;
    for (const show of this._watchers.values()) show(at);
  }
}

// A drawing that is read part by part. `kind` and `description` are what a screen reader says of it. A key of `moves`
// calls `go` with what stands there, the pointer calls `point` with its place; `readout` then says what is there.
export function readable({ width, height, kind, description, readout, moves, go, point }, ...children) {
  const attributes = {
    viewBox: `0 0 ${width} ${height}`,
    tabindex: 0,
    role: "application",
    "aria-roledescription": kind,
    "aria-label": description,
  };
  const drawing = svg("svg", attributes, ...children);
  drawing.addEventListener("pointermove", (event) => point(within(drawing, event)));
  drawing.addEventListener("keydown", (event) => {
    // With Alt, an arrow key goes back a page.
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(moves[event.key]);
  });
  // Of several drawings that show the same place, the one with the focus says it, and as a whole.
  readout.setAttribute("aria-atomic", "true");
  drawing.addEventListener("focus", () => readout.setAttribute("aria-live", "polite"));
  drawing.addEventListener("blur", () => readout.removeAttribute("aria-live"));
  return drawing;
}

// Where the pointer is, in the units of the drawing.
function within(drawing, event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
}
