// A list of names with a checkbox each, and a filter that is a regular expression.

import { html } from "./dom.js";

export const MOST_AT_FIRST = 6;

export class Picker {
  constructor(title, what, changed) {
    this.chosen = new Set();
    this.names = [];
    this._touched = false;
    this._changed = () => {
      this._touched = true;
      changed();
    };
    this._colour = () => null;
    this._list = html("ul", { class: "picks" });
    this._error = html("p", { class: "error", role: "alert" });
    this._filter = html("input", {
      type: "search",
      class: "filter",
      placeholder: `Filter ${what} (regex)`,
      "aria-label": `Filter ${what} by a regular expression`,
      spellcheck: "false",
      oninput: () => this._draw(),
    });
    this._count = html("span", { class: "muted" });
    const all = (on) => () => {
      for (const name of this._matching()) this.chosen[on ? "add" : "delete"](name);
      this._draw();
      this._changed();
    };
    const button = (text, on, hint) => html("button", { type: "button", "aria-label": hint, onclick: all(on) }, text);
    this.element = html(
      "section",
      { class: "picker", "aria-label": title },
      html("h2", {}, title, " ", this._count),
      this._filter,
      this._error,
      html("div", { class: "buttons" }, button("All", true, `Show all ${what}`), button("None", false, `Hide all ${what}`)),
      this._list,
    );
  }

  // Show these names. Until the reader chooses, a few are chosen, by the order of `preferred`; `colour` gives a swatch.
  update(names, preferred, colour = () => null) {
    if (names.join("\n") === this.names.join("\n")) return;
    if (!this._touched) this.chosen = new Set(preferred.slice(0, MOST_AT_FIRST));
    for (const name of this.chosen) if (!names.includes(name)) this.chosen.delete(name);
    this.names = names;
    this._colour = colour;
    this._draw();
  }

  _matching() {
    this._error.textContent = "";
    this._filter.removeAttribute("aria-invalid");
    try {
      const pattern = new RegExp(this._filter.value, "i");
      return this.names.filter((name) => pattern.test(name));
    } catch (error) {
      this._error.textContent = `No regular expression: ${error.message.replace(/^.*: /, "")}`;
      this._filter.setAttribute("aria-invalid", "true");
      return this.names;
    }
  }

  _draw() {
    this._count.textContent = `${this.chosen.size} of ${this.names.length}`;
    const shown = this._matching();
    this._list.replaceChildren(...shown.map((name) => this._item(name)));
    if (!shown.length && this.names.length) this._list.append(html("li", { class: "muted" }, "none matches"));
  }

  _item(name) {
    const box = html("input", {
      type: "checkbox",
      onchange: () => {
        this.chosen[box.checked ? "add" : "delete"](name);
        this._count.textContent = `${this.chosen.size} of ${this.names.length}`;
        this._changed();
      },
    });
    box.checked = this.chosen.has(name);
    const colour = this._colour(name);
    if (colour) box.style.accentColor = colour;
    return html("li", {}, html("label", { title: name }, box, html("span", {}, name)));
  }
}
