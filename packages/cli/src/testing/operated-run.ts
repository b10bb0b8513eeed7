/** Where a Tenon is asked that the test stands in for. */
export const HERE = ['--url', 'http://127.0.0.1:1'];

/** A run as `GET /v1/runs/…` gives it: one that has succeeded. */
export const operatedRun = {
  runId: 'r1',
  pipeline: 'orders',
  version: 1,
  planHash: 'sha256:1',
  key: 'a',
  state: 'succeeded',
  acceptedAtMs: Date.parse('2026-10-01T09:00:00Z'),
  updatedAtMs: Date.parse('2026-10-01T09:05:00Z'),
  owner: 'sales',
  correlationId: 'r1',
  contracts: [],
  input: null,
  steps: [],
};
