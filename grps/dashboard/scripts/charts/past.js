// What this page has seen of the series, second by second: more than the service keeps.

const MOST_PAST_S = 900;
// Values by second, of each series; null where the service had none.
const past = new Map();
// The latest answer of the service: points of each series in the span that is shown.
let trendsNow = {};

// Notes the points of the latest 60 seconds; the present second is still being counted.
function notePast(trends, now) {
  const end = Math.floor(now);
  for (const [name, values] of Object.entries(trends)) {
    if (!values) continue;
    const known = past.get(name) ?? new Map();
    values.slice(0, -1).forEach((value, index) => known.set(end - values.length + 1 + index, value));
    for (const second of known.keys()) {
      if (second >= end - MOST_PAST_S) break;
      known.delete(second);
    }
    past.set(name, known);
  }
}

// The values of a series at these seconds; undefined where the page has not seen them.
function pastOf(name, seconds, shift = 0) {
  const known = past.get(name);
  return seconds.map((second) => known?.get(second - shift));
}

// The seconds that a range covers.
function secondsOf([from, to]) {
  const first = Math.floor(from), count = Math.max(1, Math.min(MOST_PAST_S, Math.ceil(to) - first + 1));
  return Array.from({ length: count }, (_, index) => first + index);
}
