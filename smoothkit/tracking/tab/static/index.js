// The page: TensorBoard imports this module into a frame of its own and calls `render`.

import { Board } from "./board.js";
import { fetchSeries, fetchTags } from "./data.js";
import { html } from "./dom.js";
import { MOST_AT_FIRST, Picker } from "./picker.js";
import { Stepper } from "./stepper.js";
import { followTheme } from "./theme.js";

const REFRESH_INTERVAL = 30_000;
const RUN_COLOURS = 10;

const EMPTY = [
  html("h2", {}, "No figures yet"),
  html(
    "p",
    {},
    "A run shows its figures here while it trains, where its scenario calls ",
    html("code", {}, "run.record_figures"),
    ", and when it has been evaluated. Begin one, and this page finds it:",
  ),
  html("pre", {}, "smoothkit run supervised --output runs/first\nsmoothkit board runs/first"),
];

const byName = (left, right) => left.localeCompare(right, "en", { numeric: true });

// What the evaluation left has one step; what has a history comes first.
const isFinal = (tag) => tag.startsWith("final/");
const byHistory = (left, right) => isFinal(left) - isFinal(right) || byName(left, right);

// The first run of each folder, then the second of each: one seed of every variant says more than all seeds of one.
function alternating(runs) {
  const seen = new Map();
  const turn = (run) => {
    const folder = run.slice(0, run.lastIndexOf("/") + 1);
    seen.set(folder, (seen.get(folder) ?? 0) + 1);
    return seen.get(folder);
  };
  const turns = new Map(runs.map((run) => [run, turn(run)]));
  return [...runs].sort((left, right) => turns.get(left) - turns.get(right));
}

// Give each new run the colour that is used least. Those that are shown at first have one that no other of them has.
// A run keeps its colour when others appear before it.
function number(runs, numbers) {
  const shown = runs.slice(0, MOST_AT_FIRST);
  const uses = (among, colour) => among.filter((run) => numbers.get(run) === colour).length;
  for (const run of runs) {
    if (numbers.has(run)) continue;
    const cost = (colour) => uses(runs, colour) + (shown.includes(run) ? runs.length * uses(shown, colour) : 0);
    const costs = Array.from({ length: RUN_COLOURS }, (_, colour) => cost(colour));
    numbers.set(run, costs.indexOf(Math.min(...costs)));
  }
}

class Page {
  constructor() {
    this._listing = { kept: 0, runs: {} };
    this._numbers = new Map();
    this._series = new Map();
    this._loading = 0;
    this._board = new Board();
    this._runs = new Picker("Runs", "runs", () => this._select());
    this._tags = new Picker("Figures", "figures", () => this._select());
    this._stepper = new Stepper(() => this._redraw());
    this._note = html("p", { class: "note", role: "status" });
    this._error = html("p", { class: "note error", role: "alert" });
    this._empty = html("div", { class: "empty", hidden: true }, ...EMPTY);
    this._nearest = this._switch("Nearest step where a run has none", true, () => this._redraw());
    this._auto = this._switch("Look for new steps every 30 s", true, () => {});
  }

  element() {
    const reload = html("button", { type: "button", class: "reload", onclick: () => this.load() }, "Reload");
    return [
      html(
        "nav",
        { class: "side", "aria-label": "Runs and figures" },
        this._runs.element,
        this._tags.element,
        html("section", { "aria-label": "Options" }, html("h2", {}, "Options"), this._nearest.label, this._auto.label),
      ),
      html(
        "main",
        {},
        html("div", { class: "bar" }, this._stepper.element, reload),
        this._error,
        this._note,
        this._empty,
        this._board.element,
      ),
    ];
  }

  start() {
    followTheme();
    this.load();
    setInterval(() => {
      if (this._auto.box.checked && !document.hidden) this.load();
    }, REFRESH_INTERVAL);
  }

  // Ask the server what there is.
  async load() {
    try {
      this._listing = await fetchTags();
    } catch (error) {
      this._error.textContent = `The list of figures could not be loaded: ${error.message}. Reload to try again.`;
      return;
    }
    this._error.textContent = "";
    const runs = Object.keys(this._listing.runs).sort(byName);
    const tags = [...new Set(runs.flatMap((run) => Object.keys(this._listing.runs[run])))].sort(byHistory);
    this._empty.hidden = runs.length > 0;
    const preferred = alternating(runs);
    number(preferred, this._numbers);
    this._runs.update(runs, preferred, (run) => this._colour(run));
    this._tags.update(tags, tags);
    await this._select();
  }

  // Fetch what is chosen and not there yet, and show it.
  async _select() {
    const { runs } = this._listing;
    const chosen = (picker) => picker.names.filter((name) => picker.chosen.has(name));
    this._board.arrange(chosen(this._tags), chosen(this._runs), (run) => this._colour(run), (run, tag) => tag in runs[run]);
    const turn = (this._loading += 1);
    const series = new Map();
    const cards = [...this._board.cards()];
    await Promise.all(
      cards.map(async ({ run, tag, card }) => {
        try {
          series.set(card, await fetchSeries(run, tag, runs[run][tag].newest));
        } catch (error) {
          card.say(`Could not be loaded: ${error.message}`, "error");
        }
      }),
    );
    // Another choice may have been made meanwhile.
    if (turn !== this._loading) return;
    this._series = series;
    const steps = [...new Set([...series.values()].flatMap((each) => each.steps))].sort((a, b) => a - b);
    this._stepper.update(steps);
    this._hint(cards.length);
    this._redraw();
  }

  _hint(cards) {
    const { kept } = this._listing;
    const full = kept > 0 && [...this._series.values()].some((each) => each.steps.length >= kept);
    const notes = [];
    if (full) {
      notes.push(
        `TensorBoard keeps ${kept} steps of each figure, so some may be missing here; \`smoothkit board\` keeps 500.`,
      );
    }
    if (!cards && this._runs.names.length) notes.push("Choose runs and figures on the left.");
    this._note.textContent = notes.join(" ");
  }

  _redraw() {
    // The slider may move faster than the page is drawn.
    cancelAnimationFrame(this._frame);
    this._frame = requestAnimationFrame(() => {
      const step = this._stepper.step;
      for (const [card, series] of this._series) card.show(series, step, this._nearest.box.checked);
    });
  }

  _colour(run) {
    return `var(--run-${this._numbers.get(run)})`;
  }

  _switch(text, on, changed) {
    const box = html("input", { type: "checkbox", onchange: changed });
    box.checked = on;
    return { box, label: html("label", { class: "option" }, box, html("span", {}, text)) };
  }
}

export function render() {
  document.documentElement.lang = "en";
  document.title = "Targets";
  document.head.append(html("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url) }));
  const page = new Page();
  document.body.replaceChildren(...page.element());
  page.start();
}
