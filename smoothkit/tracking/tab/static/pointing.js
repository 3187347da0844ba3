// What the reader points at in one figure is shown in the figures beside it: the same entry, or the same place on an axis.

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

// Where the pointer is, in the units of the drawing.
export function within(drawing, event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
}
