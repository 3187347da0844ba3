// Marks on an axis: upright lines, with their words above the drawing, near their lines and on nothing else. The rows
// are laid out as in reports (smoothkit/report/marks.py says why).

import { label, line, shortened } from "./dom.js";

const LONGEST = 44;
const GAP = 4;
const BESIDE = 3;
const CHARACTER = 6.4;
export const ROW = 14;

const widthOf = (text) =>
  [...text].reduce((sum, letter) => sum + CHARACTER * (letter >= "\u2e80" ? 1.9 : /[\p{Lu}\u2000-\u2e7fmw@%]/u.test(letter) ? 1.4 : 1), 0);

// `[{text, at, left, right, row}]`, the lowest row first; `marks` are pairs of words and the place of their line.
export function placeWords(marks, left, right) {
  const waiting = marks
    .map(([words, at]) => ({ text: shortened(words.trim().replace(/\s+/g, " "), LONGEST), at }))
    .sort((one, other) => one.at - other.at);
  const placed = [];
  let row = 0;
  while (waiting.length) {
    const taken = placed.filter((words) => words.row === row);
    const rooms = roomsOf(waiting, taken, left, right);
    const spare = rooms.map(([begin, end], index) => end - begin - widthOf(waiting[index].text));
    const best = spare.indexOf(Math.max(...spare));
    if (spare[best] < 0 && taken.length) {
      row += 1;
      continue;
    }
    const [{ text, at }] = waiting.splice(best, 1);
    placed.push({ ...fitted(text, at, rooms[best]), at, row });
  }
  return placed;
}

// The stretch around each line that ends at the lines beside it, and at what is taken already.
function roomsOf(waiting, taken, left, right) {
  return waiting.map(({ at }, index) => {
    const spans = taken.map((words) => [Math.min(words.left, words.at), Math.max(words.right, words.at)]);
    const starts = spans.filter(([begin]) => begin <= at).map(([, end]) => end + GAP);
    const ends = spans.filter(([begin]) => begin > at).map(([begin]) => begin - GAP);
    const before = index ? waiting[index - 1].at + GAP : left;
    const after = index + 1 < waiting.length ? waiting[index + 1].at - GAP : right;
    return [Math.max(left, before, ...starts), Math.min(right, after, ...ends)];
  });
}

// The words, cut where there is no room, and where they stand: beside their line if they can.
function fitted(text, at, [begin, end]) {
  let shown = text;
  while (shown.length > 1 && widthOf(shown) > end - begin) shown = shortened(shown, shown.length - 1);
  const width = widthOf(shown);
  const beside = at + BESIDE + width <= end ? at + BESIDE : Math.min(at - BESIDE, end) - width;
  const start = Math.min(Math.max(beside, begin), end - width);
  return { text: shown, left: start, right: start + width };
}

// The lines from `bottom` up to their words, above `top`.
export function drawMarks(placed, bottom, top) {
  return placed.flatMap(({ text, at, left, right, row }) => {
    const [place, anchor] = left >= at ? [left, "start"] : [right, "end"];
    const under = top - ROW * row;
    return [line(at, bottom, at, under - 2, "marked"), label(text, place, under - 6, anchor)];
  });
}
