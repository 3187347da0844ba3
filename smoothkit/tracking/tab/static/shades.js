// How strong an entry of a matrix looks, and how it is written: as in the report, so that the same matrix is the same.

// From this strength on, the ink on an entry is the page's colour; the style sheet's contrasts rest on it.
export const STRONG = 0.66;

// The scale for these values: `strength(value)` in −1 … 1, which `high` has in full, and whether any is negative.
// Small entries matter in a target matrix, so strength is a power of the value: of K columns, 0.1 / K has a tenth.
export function shadesOf(values, columns) {
  const power = 1 / (1 + Math.log10(columns));
  const high = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return {
    high,
    signed: values.some((value) => value < 0),
    strength: (value) => Math.sign(value) * (Math.abs(value) / high) ** power,
  };
}

// An entry: three decimals below 1, one up to 10, none beyond, and an exponent from ten thousand on.
export function written(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (size > 0 && size < 0.0005) return "≈0";
  return digits(value, size).replace("0.", ".").replace("-", "−");
}

function digits(value, size) {
  if (size >= 9999.5) return value.toExponential(0).replace("e+", "e");
  if (size >= 9.95) return value.toFixed(0);
  return String(Number(value.toFixed(size >= 1 ? 1 : 3)));
}
