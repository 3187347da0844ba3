// Curves over a common axis, with bands where there are intervals.

import { nearest } from "./data.js";
import { html, label, line, nothing, number, picture, scale, svg, ticks } from "./dom.js";
import { within } from "./pointing.js";

const [LEFT, TOP, WIDTH, HEIGHT] = [48, 8, 300, 210];
const COLOURS = 7;
const KEYS_ACROSS = 40;

const finite = (lists) => lists.flat().filter((value) => value !== null && value !== undefined);

function range(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least) * 0.04 || Math.abs(most) * 0.1 || 1;
  return [least, most, margin];
}

export function drawCurves(figure, pointing, who) {
  const curves = Object.keys(figure.y).map((name, index) => ({
    name,
    colour: `var(--series-${index % COLOURS})`,
    x: figure.x[name],
    y: figure.y[name],
    low: figure.low?.[name],
    high: figure.high?.[name],
  }));
  if (!finite(curves.map((curve) => curve.y)).length) return nothing("No value of any curve is defined.");
  const [left, right] = range(finite(curves.map((curve) => curve.x)));
  const [least, most, margin] = range(finite(curves.flatMap(({ y, low, high }) => [y, low ?? [], high ?? []])));
  const x = scale(left, right, LEFT, LEFT + WIDTH);
  const y = scale(least - margin, most + margin, TOP + HEIGHT, TOP);
  const cursor = svg("line", { y1: TOP, y2: TOP + HEIGHT, class: "cursor", visibility: "hidden" });
  const drawing = picture(
    LEFT + WIDTH + 12,
    TOP + HEIGHT + 36,
    `${figure.title}: ${figure.y_label} against ${figure.x_label} for ${curves.map(({ name }) => name).join(", ")}`,
    ...axes(figure, x, y, [left, right], [least - margin, most + margin]),
    ...curves.map((curve) => band(curve, x, y)),
    ...curves.map((curve) => svg("path", { d: path(curve.x, curve.y, x, y), class: "curve", style: `stroke:${curve.colour}` })),
    cursor,
  );
  const values = curves.map(() => html("span", { class: "muted" }));
  const legend = curves.map(({ name, colour }, index) =>
    html("span", { class: "key" }, html("i", { class: "swatch", style: `background:${colour}` }), name, " ", values[index]),
  );
  const place = html("span", { class: "muted" });
  follow({ figure, curves, drawing, cursor, values, place, x, left, right }, pointing, who);
  return [drawing, html("p", { class: "legend" }, ...legend, place)];
}

function axes(figure, x, y, [left, right], [least, most]) {
  return [
    ...ticks(least, most).flatMap((value) => [
      line(LEFT, y(value), LEFT + WIDTH, y(value), "grid"),
      label(number(value), LEFT - 5, y(value) + 4, "end"),
    ]),
    ...ticks(left, right).map((value) => label(number(value), x(value), TOP + HEIGHT + 15)),
    line(LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP + HEIGHT, "axis"),
    label(figure.x_label, LEFT + WIDTH / 2, TOP + HEIGHT + 31, "middle", { class: "name" }),
    label(figure.y_label, -(TOP + HEIGHT / 2), 11, "middle", { class: "name", transform: "rotate(-90)" }),
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
function follow({ figure, curves, drawing, cursor, values, place, x, left, right }, pointing, who) {
  const whole = scale(LEFT, LEFT + WIDTH, left, right);
  const move = (at) => pointing.move(Math.max(left, Math.min(right, at)));
  drawing.addEventListener("pointermove", (event) => move(whole(within(drawing, event).x)));
  drawing.setAttribute("tabindex", 0);
  drawing.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    move((pointing.at ?? left) + (direction * (right - left)) / KEYS_ACROSS);
  });
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
