// Reliability diagrams: accuracy against confidence, bin by bin, under a histogram of how many rows each bin holds.

import { nearest } from "./data.js";
import { fraction, html, label, line, nothing, number, scale, signed, svg } from "./dom.js";
import { readable } from "./pointing.js";

const LEFT = 40;
const SIDE = 280;
const HISTOGRAM = 44;
const MOVES = { ArrowLeft: -1, ArrowRight: 1 };

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
  const interval = figure.gap_low == null ? "" : ` [${signed(figure.gap_low)}, ${signed(figure.gap_high)}]`;
  return [`ECE ${fraction(ece)}${calibrated}`, `gap ${signed(gap)}${interval}`, `n = ${number(total)}`];
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
    parts.push(line(left, y(accuracy), left + width, y(accuracy), "level"));
  });
  return parts;
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
    svg("rect", {
      x: x(edges[bin]),
      width: Math.max(1, x(edges[bin + 1]) - x(edges[bin]) - 1),
      y: bottom - height(count),
      height: height(count),
      class: "count",
    }),
  );
  const least = line(x(0), bottom, x(1), bottom, "axis");
  return [...rects, least, label(number(most), x(0) - 5, bottom - HISTOGRAM + 8, "end", { class: "tiny" })];
}

// The numbers of one bin.
function binSentence(figure, bin) {
  const range = `confidence ${fraction(figure.edges[bin])} to ${fraction(figure.edges[bin + 1])}`;
  if (!figure.counts[bin]) return `${range}: no rows`;
  const interval = figure.low?.[bin] == null ? "" : ` [${fraction(figure.low[bin])}, ${fraction(figure.high[bin])}]`;
  const [confidence, accuracy] = [fraction(figure.confidence[bin]), fraction(figure.accuracy[bin])];
  return `${range}: mean confidence ${confidence}, accuracy ${accuracy}${interval}, n = ${number(figure.counts[bin])}`;
}

const centre = ({ edges }, bin) => (edges[bin] + edges[bin + 1]) / 2;
const binAt = (figure, confidence) => nearest(figure.counts.map((_, bin) => centre(figure, bin)), confidence);

// A diagram whose bins are read one by one; `mark(confidence)` frames the bin there.
function diagram(figure, { name, small, readout }, pointing) {
  const top = small ? 8 : HISTOGRAM + 16;
  const x = scale(0, 1, LEFT, LEFT + SIDE);
  const y = scale(0, 1, top + SIDE, top);
  const frame = svg("rect", { y: y(1), height: SIDE, class: "mark", visibility: "hidden" });
  const title = `Reliability diagram ${name || figure.title}`.trim();
  const drawing = readable(
    {
      width: LEFT + SIDE + 10,
      height: top + SIDE + (small ? 20 : 36),
      kind: "reliability diagram",
      description: `${title}: ${sentence(figure).join(", ")}. Arrow keys read the bins.`,
      readout,
      moves: MOVES,
      ...reading(figure, name, x, pointing),
    },
    ...(small ? [] : histogram(figure.counts, figure.edges, x, top - 8)),
    ...axes(x, y, small),
    ...bars(figure, x, y),
    line(x(0), y(0), x(1), y(1), "ideal"),
    line(x(0), y(0), x(1), y(0), "axis"),
    ...(small ? [] : axisNames(x, y)),
    frame,
  );
  const mark = (confidence) => {
    const bin = binAt(figure, confidence);
    frame.setAttribute("visibility", "visible");
    frame.setAttribute("x", x(figure.edges[bin]));
    frame.setAttribute("width", x(figure.edges[bin + 1]) - x(figure.edges[bin]));
  };
  return { drawing, mark };
}

function reading(figure, name, x, pointing) {
  const { counts, edges } = figure;
  const move = (bin) => bin in counts && pointing.move({ name, confidence: centre(figure, bin) });
  return {
    // The first key finds the first bin that holds rows.
    go: (way) => move(pointing.at ? binAt(figure, pointing.at.confidence) + way : counts.findIndex((count) => count > 0)),
    point: (point) => move(counts.findIndex((_, bin) => point.x >= LEFT && point.x < x(edges[bin + 1]))),
  };
}

const axisNames = (x, y) => [
  label("confidence", x(0.5), y(0) + 31, "middle", { class: "name" }),
  label("accuracy", -y(0.5), 11, "middle", { class: "name", transform: "rotate(-90)" }),
];

const key = (kind, text) => html("span", { class: "key" }, html("i", { class: `swatch ${kind}` }), text);

const legend = () =>
  html("p", { class: "legend" }, key("over", "over-confident"), key("under", "under-confident"));

const numbers = (figure) => html("p", { class: "numbers" }, ...sentence(figure).map((part) => html("span", {}, part)));

// Have every panel frame the bin that is pointed at, and `readout` say what it holds where the reader points.
function follow(panels, readout, pointing, who) {
  pointing.watch(who, (at) => {
    const found = panels.find((panel) => panel.name === at?.name);
    readout.classList.toggle("muted", !found);
    readout.textContent = "Point at a bin, or use the arrow keys.";
    if (at) for (const { mark } of panels) mark(at.confidence);
    if (!found) return;
    const text = binSentence(found.figure, binAt(found.figure, at.confidence));
    readout.textContent = found.name ? `${found.name}, ${text}` : text;
  });
}

// `pointing` holds the bin that is read, by its group and confidence; `who` is the card drawn in.
export function drawReliability(figure, pointing, who) {
  const readout = html("p", { class: "readout" });
  const { drawing, mark } = diagram(figure, { name: "", small: false, readout }, pointing);
  follow([{ name: "", figure, mark }], readout, pointing, who);
  return [drawing, numbers(figure), legend(), readout];
}

// Small diagrams side by side, one for each group, in the same bins.
export function drawGroups({ groups }, pointing, who) {
  if (!Object.keys(groups).length) return nothing("There is no group.");
  const readout = html("p", { class: "readout" });
  const panels = Object.entries(groups).map(([name, figure]) => ({
    name,
    figure,
    ...diagram(figure, { name, small: true, readout }, pointing),
  }));
  follow(panels, readout, pointing, who);
  const figures = panels.map(({ name, figure, drawing }) =>
    html("figure", { class: "panel" }, html("figcaption", {}, name), drawing, numbers(figure)),
  );
  return [html("div", { class: "panels" }, ...figures), legend(), readout];
}
