// Building elements, and writing numbers.

const SVG = "http://www.w3.org/2000/svg";

// `fill(node, {class: "a", onclick: f}, child, "text", …)`: handlers by `on…`, attributes that are null are left out.
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

// A text in a drawing; `where` is start, middle or end.
export const label = (text, x, y, where = "middle", attributes = {}) =>
  svg("text", { x, y, "text-anchor": where, ...attributes }, String(text));

// A line in a drawing.
export const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });

// A number as people read it: `digits` significant ones, a true minus sign, a dash where there is none.
export function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0"; // a negative zero too
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return value.toLocaleString("en-GB").replace("-", "−");
  const text = size < 1e-3 || size >= 1e6 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

// A number with three decimals, for what lies between 0 and 1; what rounds to zero has no sign.
export const fraction = (value) =>
  value === null || value === undefined ? "–" : Number(value.toFixed(3)).toFixed(3).replace("-", "−");

// The same with a plus sign before what is positive.
export const signed = (value) => (Number(fraction(value)) > 0 ? "+" : "") + fraction(value);

// What stands in for a figure that holds nothing.
export const nothing = (text) => [html("p", { class: "muted" }, text)];

export const stepName = (step) => `step ${step.toLocaleString("en-GB")}`;

// A name that is too long, with an ellipsis for its middle: names often differ at their ends.
export function shortened(text, longest) {
  const head = Math.floor(longest / 2);
  return text.length > longest ? `${text.slice(0, head)}…${text.slice(head + 1 - longest)}` : text;
}

// Maps [a, b] to [c, d].
export const scale = (a, b, c, d) => (value) => c + ((value - a) / (b - a || 1)) * (d - c);

// Round numbers from `low` to `high`, about `count` of them.
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    found.push(Number((index * step).toPrecision(12)));
  }
  return found;
}
