// Forest plots: estimates with their intervals, one below the other; pointer and arrow keys read single rows.

import { html, label, line, nothing, number, scale, shortened, svg, ticks } from "./dom.js";
import { readable } from "./pointing.js";

const WIDTH = 360;
const TOP = 20;
const ROW = 22;
const MOVES = { ArrowUp: -1, ArrowDown: 1 };

// `pointing` holds the name whose row is read; `who` is the card drawn in.
export function drawIntervals(figure, pointing, who) {
  if (!figure.names.length) return nothing("There is no estimate.");
  const reference = figure.reference ?? 0;
  const values = [...figure.estimates, ...figure.low, ...figure.high, reference].filter((each) => each !== null);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least) * 0.06 || 0.01;
  const names = figure.names.map((name) => shortened(name, 18));
  const left = 14 + 5.7 * Math.max(4, ...names.map((name) => name.length));
  const x = scale(least - margin, most + margin, left, WIDTH - 56);
  const bottom = TOP + ROW * names.length;
  const readout = html("p", { class: "readout" });
  const mark = svg("rect", { x: 1, width: WIDTH - 2, height: ROW, class: "mark", visibility: "hidden" });
  const axis = ticks(least - margin, most + margin, 4).flatMap((value) => [
    line(x(value), TOP - 2, x(value), bottom, "grid"),
    label(number(value), x(value), bottom + 15),
  ]);
  const drawing = readable(
    { width: WIDTH, height: bottom + 36, ...reading(figure, pointing), readout },
    ...axis,
    line(x(reference), TOP - 4, x(reference), bottom, "ideal"),
    line(left, bottom, WIDTH - 56, bottom, "axis"),
    label("n", WIDTH - 6, 12, "end", { class: "name" }),
    ...names.flatMap((name, row) => drawRow(figure, row, name, left, x, TOP + ROW * (row + 0.5))),
    label(figure.x_label, (left + WIDTH - 56) / 2, bottom + 31, "middle", { class: "name" }),
    mark,
  );
  follow(figure, { readout, mark }, pointing, who);
  return [drawing, readout];
}

const sentence = (figure, row) =>
  `${figure.names[row]} ${number(figure.estimates[row])} [${number(figure.low[row])}, ${number(figure.high[row])}], n = ${number(figure.counts[row])}`;

function reading(figure, pointing) {
  const { names } = figure;
  const move = (row) => row in names && pointing.move(names[row]);
  return {
    kind: "forest plot",
    description: `${figure.title}: ${names.map((_, row) => sentence(figure, row)).join("; ")}. Arrow keys read the rows.`,
    moves: MOVES,
    // The first key finds the first row.
    go: (way) => move(names.includes(pointing.at) ? names.indexOf(pointing.at) + way : 0),
    point: ({ y }) => move(Math.floor((y - TOP) / ROW)),
  };
}

function follow(figure, { readout, mark }, pointing, who) {
  pointing.watch(who, (name) => {
    const row = figure.names.indexOf(name);
    mark.setAttribute("visibility", row < 0 ? "hidden" : "visible");
    mark.setAttribute("y", TOP + ROW * Math.max(0, row));
    readout.classList.toggle("muted", row < 0);
    readout.textContent = row < 0 ? "Point at a row, or use the arrow keys." : sentence(figure, row);
  });
}

function drawRow(figure, row, name, left, x, y) {
  const [estimate, low, high] = [figure.estimates[row], figure.low[row], figure.high[row]];
  const parts = [
    label(name, left - 8, y + 4, "end"),
    label(number(figure.counts[row]), WIDTH - 6, y + 4, "end", { class: "tiny" }),
  ];
  if (low !== null && high !== null) {
    parts.push(svg("path", { d: `M${x(low)} ${y}H${x(high)}M${x(low)} ${y - 4}v8M${x(high)} ${y - 4}v8`, class: "interval" }));
  }
  if (estimate === null) parts.push(label("not defined", (left + WIDTH - 56) / 2, y + 4, "middle", { class: "tiny" }));
  else parts.push(svg("circle", { cx: x(estimate), cy: y, r: 4, class: "estimate" }));
  return parts;
}
