// Sends requests at a constant rate: a script for k6, which benchmarks/checks/generators.py runs.
import http from 'k6/http';
import encoding from 'k6/encoding';
import exec from 'k6/execution';

const requests = JSON.parse(open(__ENV.REQUESTS)).map(({ method, url, headers, body }) => {
  return { method, url, headers, body: body ? encoding.b64decode(body) : null };
});
const shares = JSON.parse(__ENV.SHARES);

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: [...shares.map((share) => `p(${share})`), 'max'],
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: Number(__ENV.USERS),
    },
  },
};

export default function () {
  const { method, url, headers, body } = requests[exec.scenario.iterationInTest % requests.length];
  http.request(method, url, body, { headers, timeout: __ENV.TIMEOUT });
}

export function handleSummary({ metrics }) {
  const { http_req_duration: latency, http_reqs, http_req_failed, dropped_iterations } = metrics;
  const dropped = dropped_iterations ? dropped_iterations.values.count : 0;
  const told = {
    ms: shares.map((share) => latency.values[`p(${share})`]),
    max_ms: latency.values.max,
    requests: http_reqs.values.count + dropped,
    failed: http_req_failed.values.passes + dropped,
  };
  return { stdout: JSON.stringify(told) };
}
