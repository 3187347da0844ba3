// Colours of values: one ramp from nothing to much, and one through zero where values are negative too.

import { isDark } from "./theme.js";

// The ramps of ColorBrewer (Blues, RdBu; Apache 2.0), and the same hues for a dark page.
const MANY = {
  light: ["#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b"],
  dark: ["#363636", "#1d4468", "#2b78b4", "#6fb9ea", "#eaf6ff"],
};
const SIGNED = {
  light: ["#2166ac", "#92c5de", "#f7f7f7", "#f4a582", "#b2182b"],
  dark: ["#74b9f5", "#2f689a", "#363636", "#a54f43", "#ffa08c"],
};

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function between(ramp, share) {
  const place = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const index = Math.min(ramp.length - 2, Math.floor(place));
  const [from, to] = [channels(ramp[index]), channels(ramp[index + 1])];
  return from.map((channel, part) => Math.round(channel + (to[part] - channel) * (place - index)));
}

// The scale for these values: `colour(value)`, `ink(value)` that is readable on it, `low`, `high`, `place(value)` in 0 … 1.
// Small entries matter in a target matrix, so colour goes with the square root of the value.
export function colourScale(values) {
  const theme = isDark() ? "dark" : "light";
  const signed = values.some((value) => value < 0);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Probabilities keep one scale over all steps; anything larger has its own.
  const high = largest <= 1 ? 1 : largest;
  const root = (value) => Math.sign(value) * Math.sqrt(Math.abs(value) / high);
  const place = signed ? (value) => (1 + root(value)) / 2 : root;
  const ramp = (signed ? SIGNED : MANY)[theme];
  return {
    low: signed ? -high : 0,
    high,
    place,
    ramp,
    colour: (value) => `rgb(${between(ramp, place(value)).join(" ")})`,
    ink(value) {
      const [red, green, blue] = between(ramp, place(value));
      return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#1b1b1b" : "#ffffff";
    },
  };
}
