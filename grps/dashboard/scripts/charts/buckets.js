// How many requests took how long in each interval: differences of the histograms that /metrics has.

const BUCKET = /^grps_request_duration_seconds_bucket\{(.*)\} ([\d.e+]+)/;
const MOST_INTERVALS = 1800;
// {from, to, counts}: seconds, and requests by upper bound in seconds.
const intervals = [];
// The upper bounds that histograms have, ascending.
let bounds = [];
let bucketsBefore = null;

// The sums over all models and protocols: pairs of an upper bound and the requests up to it, ascending.
function readBuckets(text) {
  const routes = new Map();
  for (const line of text.split("\n")) {
    const found = line.match(BUCKET);
    if (!found) continue;
    const bound = found[1].match(/le="([^"]+)"/)[1], route = found[1].replace(/,?le="[^"]+"/, "");
    if (!routes.has(route)) routes.set(route, []);
    routes.get(route).push([bound === "+Inf" ? Infinity : Number(bound), Number(found[2])]);
  }
  const counts = new Map();
  for (const pairs of routes.values()) {
    let below = 0;
    for (const [bound, total] of pairs.sort((a, b) => a[0] - b[0])) {
      counts.set(bound, (counts.get(bound) ?? 0) + total - below);
      below = total;
    }
  }
  return counts;
}

async function refreshBuckets() {
  const response = await request("metrics", { Accept: "text/plain" });
  if (!response.ok) return;
  const now = { time: serviceNow(), counts: readBuckets(await response.text()) };
  bounds = [...now.counts.keys()].sort((a, b) => a - b);
  if (bucketsBefore) noteInterval(bucketsBefore, now);
  bucketsBefore = now;
}

function noteInterval(before, now) {
  const counts = new Map();
  for (const [bound, count] of now.counts) {
    const added = count - (before.counts.get(bound) ?? 0);
    // The service has started again: its counters begin anew.
    if (added < 0) return;
    if (added > 0) counts.set(bound, added);
  }
  intervals.push({ from: before.time, to: now.time, counts });
  if (intervals.length > MOST_INTERVALS) intervals.shift();
}
