// What the server has: which runs have which figures, and their steps.

async function ask(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error((await response.text()) || `${response.status} ${response.statusText}`);
  return response.json();
}

export const fetchTags = () => ask("tags");

const cache = new Map();

// The steps of one tag of one run, fetched anew only where `newest` says that there are more.
export function fetchSeries(run, tag, newest) {
  const key = JSON.stringify([run, tag]);
  const known = cache.get(key);
  if (known?.newest === newest) return known.series;
  const series = ask(`series?${new URLSearchParams({ run, tag })}`).then(({ steps, figures }) => {
    const read = new Map();
    return {
      steps,
      // Each figure is parsed when it is first shown.
      at(index) {
        if (!read.has(index)) read.set(index, JSON.parse(figures[index]));
        return read.get(index);
      },
    };
  });
  cache.set(key, { newest, series });
  series.catch(() => cache.delete(key));
  return series;
}

// The index of the number nearest to `wanted`, the earlier of two that are equally far.
export function nearest(numbers, wanted) {
  let best = 0;
  numbers.forEach((each, index) => {
    if (Math.abs(each - wanted) < Math.abs(numbers[best] - wanted)) best = index;
  });
  return best;
}
