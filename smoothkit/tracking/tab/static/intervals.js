// Forest plots: estimates with their intervals, one below the other.

import { label, line, nothing, number, picture, scale, shortened, svg, ticks } from "./dom.js";

const WIDTH = 360;
const ROW = 22;

export function drawIntervals(figure) {
  if (!figure.names.length) return nothing("There is no estimate.");
  const values = [...figure.estimates, ...figure.low, ...figure.high, figure.reference ?? 0].filter((each) => each !== null);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least) * 0.06 || 0.01;
  const names = figure.names.map((name) => shortened(name, 18));
  const left = 14 + 5.7 * Math.max(4, ...names.map((name) => name.length));
  const x = scale(least - margin, most + margin, left, WIDTH - 56);
  const bottom = 20 + ROW * names.length;
  const rows = names.flatMap((name, row) => drawRow(figure, row, name, left, x, 20 + ROW * row + ROW / 2));
  const axis = ticks(least - margin, most + margin, 4).flatMap((value) => [
    line(x(value), 18, x(value), bottom, "grid"),
    label(number(value), x(value), bottom + 15),
  ]);
  const drawing = picture(
    WIDTH,
    bottom + 36,
    `${figure.title}: ${figure.names.map((name, row) => sentence(figure, row, name)).join("; ")}`,
    ...axis,
    line(x(figure.reference ?? 0), 16, x(figure.reference ?? 0), bottom, "ideal"),
    line(left, bottom, WIDTH - 56, bottom, "axis"),
    label("n", WIDTH - 6, 12, "end", { class: "name" }),
    ...rows,
    label(figure.x_label, (left + WIDTH - 56) / 2, bottom + 31, "middle", { class: "name" }),
  );
  return [drawing];
}

const sentence = (figure, row, name) =>
  `${name} ${number(figure.estimates[row])} [${number(figure.low[row])}, ${number(figure.high[row])}], n = ${number(figure.counts[row])}`;

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
  parts.push(
    svg(
      "rect",
      { x: 0, y: y - ROW / 2, width: WIDTH, height: ROW, class: "hover" },
      svg("title", {}, sentence(figure, row, figure.names[row])),
    ),
  );
  return parts;
}
