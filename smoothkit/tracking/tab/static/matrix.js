// Matrices with named rows and columns; pointer and arrow keys read single entries.

import { colourScale } from "./colours.js";
import { html, label, nothing, number, shortened, svg } from "./dom.js";
import { within } from "./pointing.js";

const SIDE = 288;
const MOST_WRITTEN = 12;
const MOST_NAMES = 20;
const LEVELS = 48;

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
let drawn = 0;

// `pointing` holds the entry that is read, over the steps and over all runs; `who` is the card drawn in.
export function drawMatrix(figure, pointing, who) {
  const [rows, columns] = [figure.rows.length, figure.columns.length];
  if (!rows || !columns) return nothing("The matrix is empty.");
  const size = Math.min(SIDE / rows, SIDE / columns, 64);
  const rotated = figure.columns.some((name) => name.length * 6.2 > size * Math.ceil(columns / MOST_NAMES));
  const longest = (names) => Math.min(12, Math.max(...names.map((name) => name.length)));
  const left = 22 + 6.4 * longest(figure.rows);
  const top = 24 + (rotated ? 5.6 * longest(figure.columns) + 4 : 10);
  const colours = colourScale(figure.values.flat().filter((value) => value !== null));
  // A slanted name of the last column reaches beyond it.
  const width = Math.max(left + size * columns + (rotated ? 3 * longest(figure.columns) : 4), left + 170);
  const height = top + size * rows + 46;
  const mark = svg("rect", { width: size, height: size, class: "mark", visibility: "hidden" });
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      tabindex: 0,
      role: "application",
      "aria-roledescription": "matrix",
      "aria-label": `${figure.title}: ${rows} by ${columns}, ${figure.row_label} by ${figure.column_label}; arrow keys read the entries`,
    },
    ...cells(figure, colours, left, top, size),
    ...names(figure, left, top, size, rotated),
    ...legend(colours, left, top + size * rows + 14),
    mark,
  );
  const readout = html("p", { class: "readout" });
  read(figure, { drawing, readout, mark, left, top, size }, pointing, who);
  const cut = figure.full_shape
    ? [html("p", { class: "muted" }, `The first ${rows} of ${number(figure.full_shape[0])} rows, ${columns} of ${number(figure.full_shape[1])} columns.`)]
    : [];
  return [drawing, readout, ...cut];
}

// One path for each shade, not one element for each entry: 10,000 entries then redraw while the slider moves.
function cells({ values }, colours, left, top, size) {
  const shades = new Map();
  const undefinedOnes = [];
  values.forEach((row, i) =>
    row.forEach((value, j) => {
      const square = `M${left + j * size} ${top + i * size}h${size}v${size}h${-size}z`;
      if (value === null) undefinedOnes.push(square);
      else {
        const level = Math.round(colours.place(value) * LEVELS);
        if (!shades.has(level)) shades.set(level, { value, squares: [] });
        shades.get(level).squares.push(square);
      }
    }),
  );
  const paths = [...shades.values()].map(({ value, squares }) =>
    svg("path", { d: squares.join(""), fill: colours.colour(value), class: "cells" }),
  );
  if (undefinedOnes.length) paths.push(svg("path", { d: undefinedOnes.join(""), class: "undefined" }));
  const frame = { x: left, y: top, width: size * values[0].length, height: size * values.length, class: "frame" };
  return [...paths, svg("rect", frame), ...entries(values, colours, left, top, size)];
}

// An entry as there is room for it: `.076` for 0.0763.
function written(value) {
  if (value === null) return "–";
  const text = value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
  return (Number.isInteger(value) ? String(value) : text).replace("-", "−").replace(/^(−?)0\./, "$1.");
}

function entries(values, colours, left, top, size) {
  if (Math.max(values.length, values[0].length) > MOST_WRITTEN) return [];
  const texts = values.map((row) => row.map(written));
  const longest = Math.max(...texts.flat().map((text) => text.length));
  const font = Math.min(11, size * 0.36, (size * 1.6) / longest);
  return values.flatMap((row, i) =>
    row.map((value, j) => {
      const place = { style: `font-size:${font}px;fill:${value === null ? "var(--muted)" : colours.ink(value)}`, class: "entry" };
      return label(texts[i][j], left + (j + 0.5) * size, top + (i + 0.5) * size + font * 0.36, "middle", place);
    }),
  );
}

function names(figure, left, top, size, rotated) {
  const every = (list) => Math.ceil(list.length / MOST_NAMES);
  const some = (list) => list.map((name, at) => [shortened(name, 12), at]).filter(([, at]) => at % every(list) === 0);
  return [
    ...some(figure.rows).map(([name, at]) => label(name, left - 5, top + (at + 0.5) * size + 4, "end")),
    ...some(figure.columns).map(([name, at]) => {
      const [x, y] = [left + (at + 0.5) * size, top - 6];
      return rotated ? label(name, x, y, "start", { transform: `rotate(-60 ${x} ${y})` }) : label(name, x, y);
    }),
    label(figure.row_label, -(top + (size * figure.rows.length) / 2), 12, "middle", { class: "name", transform: "rotate(-90)" }),
    label(figure.column_label, left + (size * figure.columns.length) / 2, 12, "middle", { class: "name" }),
  ];
}

function legend(colours, left, y) {
  const gradient = `ramp-${(drawn += 1)}`;
  const width = 150;
  const stops = colours.ramp.map((colour, at) => svg("stop", { offset: at / (colours.ramp.length - 1), "stop-color": colour }));
  const values = colours.low < 0 ? [colours.low, 0, colours.high] : [0, colours.high / 10, colours.high];
  return [
    svg("defs", {}, svg("linearGradient", { id: gradient }, ...stops)),
    svg("rect", { x: left, y, width, height: 9, style: `fill:url(#${gradient})`, class: "frame" }),
    ...values.map((value) => label(number(value, 2), left + colours.place(value) * width, y + 22, "middle", { class: "tiny" })),
  ];
}

function read(figure, { drawing, readout, mark, left, top, size }, pointing, who) {
  const inside = ([i, j]) => i >= 0 && j >= 0 && i < figure.rows.length && j < figure.columns.length;
  const move = (cell) => inside(cell) && pointing.move(cell);
  drawing.addEventListener("pointermove", (event) => {
    const point = within(drawing, event);
    move([Math.floor((point.y - top) / size), Math.floor((point.x - left) / size)]);
  });
  drawing.addEventListener("keydown", (event) => {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const [i, j] = pointing.at ?? [0, -1];
    move([i + MOVES[event.key][0], j + MOVES[event.key][1]]);
  });
  // Of several matrices that show the entry, the one with the focus says it.
  drawing.addEventListener("focus", () => readout.setAttribute("aria-live", "polite"));
  drawing.addEventListener("blur", () => readout.removeAttribute("aria-live"));
  pointing.watch(who, (cell) => {
    const shown = cell !== null && inside(cell);
    mark.setAttribute("visibility", shown ? "visible" : "hidden");
    readout.classList.toggle("muted", !shown);
    readout.textContent = "Point at an entry, or use the arrow keys.";
    if (!shown) return;
    const [i, j] = cell;
    mark.setAttribute("x", left + j * size);
    mark.setAttribute("y", top + i * size);
    readout.textContent = `${figure.rows[i]} → ${figure.columns[j]}: ${number(figure.values[i][j], 4)}`;
  });
}
