// Curves over a common axis, with bands where there are intervals.

import { nearest } from "./data.js";
import { html, label, line, nothing, number, scale, svg, ticks } from "./dom.js";
import { ROW, drawMarks, placeWords } from "./marks.js";
import { readable } from "./pointing.js";

const [LEFT, MARGIN, WIDTH, HEIGHT] = [48, 8, 300, 210];
const COLOURS = 7;
// Curves differ in their dashes too; where the colours begin anew, each meets another dash.
const DASHES = [null, "7 3", "2 2.5", "9 3 2 3", "4 4", "12 3", "1.5 4"];
const KEYS_ACROSS = 40;
const MOVES = { ArrowLeft: -1, ArrowRight: 1 };

const finite = (lists) => lists.flat().filter((value) => value !== null && value !== undefined);

function range(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least) * 0.04 || Math.abs(most) * 0.1 || 1;
  return [least, most, margin];
}

export function drawCurves(figure, pointing, who) {
  const curves = Object.keys(figure.y).map((name, index) => curveOf(figure, name, index));
  if (!finite(curves.map((curve) => curve.y)).length) return nothing("No value of any curve is defined.");
  const marks = Object.entries(figure.marks ?? {}).filter(([, at]) => at !== null);
  const [left, right] = range([...finite(curves.map((curve) => curve.x)), ...marks.map(([, at]) => at)]);
  const [least, most, margin] = range(finite(curves.flatMap(({ y, low, high }) => [y, low ?? [], high ?? []])));
  const x = scale(left, right, LEFT, LEFT + WIDTH);
  const words = placeWords(marks.map(([text, at]) => [text, x(at)]), 4, LEFT + WIDTH + 8);
  // The words of marks stand above the drawing.
  const top = MARGIN + ROW * Math.max(0, ...words.map(({ row }) => row + 1));
  const y = scale(least - margin, most + margin, top + HEIGHT, top);
  const cursor = svg("line", { y1: top, y2: top + HEIGHT, class: "cursor", visibility: "hidden" });
  const values = curves.map(() => html("span", { class: "muted" }));
  const place = html("span", { class: "muted" });
  const keys = curves.map((curve, index) => html("span", { class: "key" }, sample(curve), curve.name, " ", values[index]));
  const readout = html("p", { class: "legend" }, ...keys, place);
  const move = (at) => pointing.move(Math.max(left, Math.min(right, at)));
  const drawing = readable(
    {
      width: LEFT + WIDTH + 12,
      height: top + HEIGHT + 36,
      kind: "curves",
      description: `${description(figure, curves, marks)} Arrow keys read the values.`,
      readout,
      moves: MOVES,
      go: (direction) => move((pointing.at ?? left) + (direction * (right - left)) / KEYS_ACROSS),
      point: (point) => move(scale(LEFT, LEFT + WIDTH, left, right)(point.x)),
    },
    ...axes(figure, x, y, top, [left, right], [least - margin, most + margin]),
    ...drawMarks(words, top + HEIGHT, top),
    ...curves.map((curve) => band(curve, x, y)),
    ...curves.map((curve) => stroke(curve, path(curve.x, curve.y, x, y))),
    cursor,
  );
  follow({ figure, curves, cursor, values, place, x, left, right }, pointing, who);
  return [drawing, readout];
}

const curveOf = (figure, name, index) => ({
  name,
  colour: `var(--series-${index % COLOURS})`,
  dash: DASHES[(index + Math.floor(index / COLOURS)) % DASHES.length],
  x: figure.x[name],
  y: figure.y[name],
  low: figure.low?.[name],
  high: figure.high?.[name],
});

const stroke = ({ colour, dash }, d) => svg("path", { d, class: "curve", style: `stroke:${colour}`, "stroke-dasharray": dash });

const sample = (curve) =>
  svg("svg", { viewBox: "0 0 26 8", class: "sample", "aria-hidden": "true" }, stroke(curve, "M0 4H26"));

// Where each curve begins, ends, and is lowest and highest; and where the marks are.
function description(figure, curves, marks) {
  const sentences = curves.map(({ name, x, y }) => {
    const points = y.map((value, index) => [x[index], value]).filter(([, value]) => value !== null);
    if (!points.length) return `${name}: no values.`;
    const [[first, begin], [last, end]] = [points[0], points.at(-1)];
    const [least, most] = range(points.map(([, value]) => value));
    const course = `from ${number(begin)} at ${number(first)} to ${number(end)} at ${number(last)}`;
    return `${name}: ${course}, lowest ${number(least)}, highest ${number(most)}.`;
  });
  const places = marks.map(([text, at]) => `${text} at ${number(at)}`).join("; ");
  const marked = places ? [`Marked on ${figure.x_label || "the axis below"}: ${places}.`] : [];
  return [`${figure.title}: ${figure.y_label} against ${figure.x_label}.`, ...sentences, ...marked].join(" ");
}

function axes(figure, x, y, top, [left, right], [least, most]) {
  return [
    ...ticks(least, most).flatMap((value) => [
      line(LEFT, y(value), LEFT + WIDTH, y(value), "grid"),
      label(number(value), LEFT - 5, y(value) + 4, "end"),
    ]),
    ...ticks(left, right).map((value) => label(number(value), x(value), top + HEIGHT + 15)),
    line(LEFT, top + HEIGHT, LEFT + WIDTH, top + HEIGHT, "axis"),
    label(figure.x_label, LEFT + WIDTH / 2, top + HEIGHT + 31, "middle", { class: "name" }),
    label(figure.y_label, -(top + HEIGHT / 2), 11, "middle", { class: "name", transform: "rotate(-90)" }),
  ];
}

// A line that is broken where a value is not defined.
function path(xs, ys, x, y) {
  let pen = "M";
  return ys
    .map((value, index) => {
      const part = value === null ? "" : `${pen}${x(xs[index]).toFixed(2)} ${y(value).toFixed(2)}`;
      pen = value === null ? "M" : "L";
      return part;
    })
    .join("");
}

function band({ x: xs, low, high, colour }, x, y) {
  if (!low || !high) return null;
  const defined = xs.map((_, index) => index).filter((index) => low[index] !== null && high[index] !== null);
  if (!defined.length) return null;
  const up = defined.map((index) => `${x(xs[index]).toFixed(2)} ${y(high[index]).toFixed(2)}`);
  const down = defined.reverse().map((index) => `${x(xs[index]).toFixed(2)} ${y(low[index]).toFixed(2)}`);
  return svg("path", { d: `M${[...up, ...down].join("L")}z`, class: "band", style: `fill:${colour}` });
}

// The legend shows each curve's value where the pointer is, in all runs.
function follow({ figure, curves, cursor, values, place, x, left, right }, pointing, who) {
  pointing.watch(who, (at) => {
    const shown = at !== null && at >= left && at <= right;
    cursor.setAttribute("visibility", shown ? "visible" : "hidden");
    cursor.setAttribute("x1", x(at ?? left));
    cursor.setAttribute("x2", x(at ?? left));
    place.textContent = shown ? `at ${figure.x_label} ${number(at)}` : "";
    curves.forEach((curve, index) => {
      values[index].textContent = shown ? number(curve.y[nearest(curve.x, at)]) : "";
    });
  });
}
