// Reliability diagrams: accuracy against confidence, bin by bin, under a histogram of how many rows each bin holds.

import { fraction, html, label, line, nothing, number, picture, scale, svg } from "./dom.js";

const LEFT = 40;
const SIDE = 280;
const HISTOGRAM = 44;

// Sums over the bins: what an older result does not state follows from them.
function summary(figure) {
  const total = figure.counts.reduce((sum, count) => sum + count, 0);
  let ece = 0;
  let gap = 0;
  figure.counts.forEach((count, bin) => {
    if (!count) return;
    const difference = figure.confidence[bin] - figure.accuracy[bin];
    ece += (count / total) * Math.abs(difference);
    gap += (count / total) * difference;
  });
  return { total, ece: figure.ece ?? (total ? ece : null), gap: figure.gap ?? (total ? gap : null) };
}

function sentence(figure) {
  const { total, ece, gap } = summary(figure);
  const calibrated = figure.null_ece == null ? "" : ` (${fraction(figure.null_ece)} if calibrated)`;
  const interval = figure.gap_low == null ? "" : ` [${fraction(figure.gap_low)}, ${fraction(figure.gap_high)}]`;
  return [`ECE ${fraction(ece)}${calibrated}`, `gap ${gap > 0 ? "+" : ""}${fraction(gap)}${interval}`, `n = ${number(total)}`];
}

function bars(figure, x, y) {
  const parts = [];
  figure.counts.forEach((count, bin) => {
    if (!count) return;
    const [accuracy, confidence] = [figure.accuracy[bin], figure.confidence[bin]];
    const left = x(figure.edges[bin]);
    const width = Math.max(1, x(figure.edges[bin + 1]) - left - 1);
    const over = confidence > accuracy;
    parts.push(
      svg("rect", { x: left, width, y: y(accuracy), height: y(0) - y(accuracy), class: "accuracy" }),
      svg("rect", {
        x: left,
        width,
        y: y(Math.max(accuracy, confidence)),
        height: Math.abs(y(accuracy) - y(confidence)),
        class: over ? "over" : "under",
      }),
    );
    if (figure.low?.[bin] != null) {
      const centre = left + width / 2;
      const cap = Math.min(3, width / 3);
      const [low, high] = [y(figure.low[bin]), y(figure.high[bin])];
      const path = `M${centre} ${low}V${high}M${centre - cap} ${low}h${2 * cap}M${centre - cap} ${high}h${2 * cap}`;
      parts.push(svg("path", { d: path, class: "whisker" }));
    }
    parts.push(line(left, y(accuracy), left + width, y(accuracy), "level"), hover(figure, bin, left, width, y));
  });
  return parts;
}

// The full height of a bin answers the pointer with the bin's numbers.
function hover(figure, bin, x, width, y) {
  const interval = figure.low?.[bin] == null ? "" : ` [${fraction(figure.low[bin])}, ${fraction(figure.high[bin])}]`;
  const text = [
    `confidence ${fraction(figure.edges[bin])} to ${fraction(figure.edges[bin + 1])}`,
    `mean confidence ${fraction(figure.confidence[bin])}`,
    `accuracy ${fraction(figure.accuracy[bin])}${interval}`,
    `n = ${number(figure.counts[bin])}`,
  ].join("\n");
  return svg("rect", { x, width, y: y(1), height: y(0) - y(1), class: "hover" }, svg("title", {}, text));
}

function axes(x, y, small) {
  const at = small ? [0, 0.5, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1];
  return at.flatMap((value) => [
    line(x(0), y(value), x(1), y(value), "grid"),
    label(value, x(0) - 5, y(value) + 4, "end"),
    label(value, x(value), y(0) + 15),
  ]);
}

function histogram(counts, edges, x, bottom) {
  const most = Math.max(1, ...counts);
  const height = scale(0, most, 0, HISTOGRAM);
  const rects = counts.map((count, bin) =>
    svg(
      "rect",
      {
        x: x(edges[bin]),
        width: Math.max(1, x(edges[bin + 1]) - x(edges[bin]) - 1),
        y: bottom - height(count),
        height: height(count),
        class: "count",
      },
      svg("title", {}, `n = ${number(count)}`),
    ),
  );
  const least = line(x(0), bottom, x(1), bottom, "axis");
  return [...rects, least, label(number(most), x(0) - 5, bottom - HISTOGRAM + 8, "end", { class: "tiny" })];
}

function diagram(figure, small) {
  const top = small ? 8 : HISTOGRAM + 16;
  const x = scale(0, 1, LEFT, LEFT + SIDE);
  const y = scale(0, 1, top + SIDE, top);
  const description = `Reliability diagram${figure.title ? ` ${figure.title}` : ""}: ${sentence(figure).join(", ")}`;
  return picture(
    LEFT + SIDE + 10,
    top + SIDE + (small ? 20 : 36),
    description,
    ...(small ? [] : histogram(figure.counts, figure.edges, x, top - 8)),
    ...axes(x, y, small),
    ...bars(figure, x, y),
    line(x(0), y(0), x(1), y(1), "ideal"),
    line(x(0), y(0), x(1), y(0), "axis"),
    ...(small
      ? []
      : [
          label("confidence", x(0.5), y(0) + 31, "middle", { class: "name" }),
          label("accuracy", -y(0.5), 11, "middle", { class: "name", transform: "rotate(-90)" }),
        ]),
  );
}

const key = (kind, text) => html("span", { class: "key" }, html("i", { class: `swatch ${kind}` }), text);

const legend = () =>
  html("p", { class: "legend" }, key("over", "over-confident"), key("under", "under-confident"));

const numbers = (figure) => html("p", { class: "numbers" }, ...sentence(figure).map((part) => html("span", {}, part)));

export function drawReliability(figure) {
  return [diagram(figure, false), numbers(figure), legend()];
}

// Small diagrams side by side, one for each group, in the same bins.
export function drawGroups(figure) {
  if (!Object.keys(figure.groups).length) return nothing("There is no group.");
  const panels = Object.entries(figure.groups).map(([name, group]) =>
    html("figure", { class: "panel" }, html("figcaption", {}, name), diagram({ ...group, title: name }, true), numbers(group)),
  );
  return [html("div", { class: "panels" }, ...panels), legend()];
}
