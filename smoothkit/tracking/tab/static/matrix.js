// Matrices with named rows and columns; pointer and arrow keys read single entries.

import { html, label, nothing, number, shortened, svg } from "./dom.js";
import { readable } from "./pointing.js";
import { shadesOf, STRONG, written } from "./shades.js";

const SIDE = 288;
const LARGEST_ANNOTATED = 12;
const MOST_NAMES = 20;
const LEVELS = 48;
const GRADIENT = 150;

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
  // Of a matrix that was cut, all columns count, as they do where the whole of it is drawn.
  const shades = shadesOf(figure.values.flat().filter((value) => value !== null), figure.full_shape?.[1] ?? columns);
  // A slanted name of the last column reaches beyond it.
  const width = Math.max(left + size * columns + (rotated ? 3 * longest(figure.columns) : 4), left + GRADIENT + 20);
  const height = top + size * rows + 46;
  const mark = svg("rect", { width: size, height: size, class: "mark", visibility: "hidden" });
  const readout = html("p", { class: "readout" });
  const place = { left, top, size };
  const drawing = readable(
    {
      width,
      height,
      kind: "matrix",
      description: `${figure.title}: ${rows} by ${columns}, ${figure.row_label} by ${figure.column_label}. Arrow keys read the entries.`,
      readout,
      moves: MOVES,
      ...reading(figure, place, pointing),
    },
    ...cells(figure, shades, place),
    ...names(figure, place, rotated),
    ...legend(shades, left, top + size * rows + 14),
    mark,
  );
  follow(figure, { readout, mark, ...place }, pointing, who);
  return [drawing, readout, ...cutNote(figure)];
}

function cutNote({ full_shape: full, rows, columns }) {
  if (!full) return [];
  const text = `The first ${rows.length} of ${number(full[0])} rows, ${columns.length} of ${number(full[1])} columns.`;
  return [html("p", { class: "muted" }, text)];
}

// One path for each shade, not one element for each entry: 10,000 entries then redraw while the slider moves.
function cells({ values }, shades, { left, top, size }) {
  const paths = new Map();
  values.forEach((row, i) =>
    row.forEach((value, j) => {
      const level = value === null ? null : Math.round(shades.strength(value) * LEVELS);
      if (!paths.has(level)) paths.set(level, []);
      paths.get(level).push(`M${left + j * size} ${top + i * size}h${size}v${size}h${-size}z`);
    }),
  );
  const box = { x: left, y: top, width: size * values[0].length, height: size * values.length };
  return [
    svg("rect", { ...box, class: "paper" }),
    ...[...paths].map(([level, squares]) => svg("path", { d: squares.join(""), ...shade(level) })),
    svg("rect", { ...box, class: "frame" }),
    ...entries(values, shades, left, top, size),
  ];
}

function shade(level) {
  if (level === null) return { class: "cells undefined" };
  return { class: `cells ${level < 0 ? "negative" : "positive"}`, "fill-opacity": Math.abs(level) / LEVELS };
}

function entries(values, shades, left, top, size) {
  if (Math.max(values.length, values[0].length) > LARGEST_ANNOTATED) return [];
  const texts = values.map((row) => row.map(written));
  const longest = Math.max(...texts.flat().map((text) => text.length));
  const font = Math.min(11, size * 0.36, (size * 1.6) / longest);
  const strong = (value) => value !== null && Math.abs(shades.strength(value)) >= STRONG;
  return values.flatMap((row, i) =>
    row.map((value, j) => {
      const ink = { class: strong(value) ? "entry strong" : "entry", style: `font-size:${font}px` };
      return label(texts[i][j], left + (j + 0.5) * size, top + (i + 0.5) * size + font * 0.36, "middle", ink);
    }),
  );
}

function names(figure, { left, top, size }, rotated) {
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

// The scale: strength grows evenly along it, so its colours need no more stops than its ends and zero.
function legend({ high, signed, strength }, left, y) {
  const gradient = `ramp-${(drawn += 1)}`;
  const shades = [...(signed ? ["negative"] : []), "paper", "positive"];
  const stops = shades.map((shade, at) => svg("stop", { offset: at / (shades.length - 1), class: shade }));
  const values = signed ? [-high, 0, high] : [0, high / 10, high];
  const place = (value) => left + GRADIENT * (signed ? (1 + strength(value)) / 2 : strength(value));
  return [
    svg("defs", {}, svg("linearGradient", { id: gradient }, ...stops)),
    svg("rect", { x: left, y, width: GRADIENT, height: 9, style: `fill:url(#${gradient})` }),
    svg("rect", { x: left, y, width: GRADIENT, height: 9, class: "frame" }),
    ...values.map((value) => label(number(value, 2), place(value), y + 22, "middle", { class: "tiny" })),
  ];
}

const holds = (figure, [i, j]) => i >= 0 && j >= 0 && i < figure.rows.length && j < figure.columns.length;

function reading(figure, { left, top, size }, pointing) {
  const move = (cell) => holds(figure, cell) && pointing.move(cell);
  return {
    point: ({ x, y }) => move([Math.floor((y - top) / size), Math.floor((x - left) / size)]),
    // The first key finds the first entry.
    go: ([down, right]) => move(pointing.at ? [pointing.at[0] + down, pointing.at[1] + right] : [0, 0]),
  };
}

function follow(figure, { readout, mark, left, top, size }, pointing, who) {
  pointing.watch(who, (cell) => {
    const shown = cell !== null && holds(figure, cell);
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
