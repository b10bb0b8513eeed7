import { expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, secondPipeline, swap, testWorkspace } from './test-workspace.ts';

const SECOND = 'pipelines/parcel-left.pipeline.yaml';

/** A pipeline that sends a file in a part. */
async function scanned(file: string) {
  const { diagnostics, check } = await testWorkspace({
    [CONTRACT]: swap(
      'paths:\n',
      `paths:
  /scans:
    post:
      operationId: createScan
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties: { file: { type: string, format: binary }, note: { type: string } }
            encoding: { file: { contentType: 'image/png, application/pdf', headers: { X-Page: { schema: { type: integer } } } } }
      responses: { '200': { description: ok, content: { application/json: { schema: { type: object, required: [id], properties: { id: { type: string } } } } } } }
`,
    ),
    [CONNECTOR]: swap(
      'operations:\n',
      'operations:\n  createScan: { effect: create, idempotency: { mode: natural } }\n',
    ),
    [SECOND]: secondPipeline(`  - id: scan
    call: shop.createScan
    with: { body: { file: ${file} } }
    irreversible: { because: a scan stays, forward: { task: tell them, owner: sales, within: 1d } }`),
  });
  return { found: diagnostics.map(({ code }) => code), plan: check.plans.get('parcel-left') };
}

test('a file in a part is typed in a pipeline: as base64, or with a name, a type and headers of its own', async () => {
  const whole = await scanned(
    '{ content: \'AA==\', filename: "${ event.orderId }.pdf", headers: { X-Page: 1 } }',
  );
  expect(whole.found).toEqual([]);
  expect(JSON.stringify(whole.plan)).toContain(
    '"parts":{"file":{"types":["image/png","application/pdf"],"bytes":true',
  );
  expect((await scanned("'AA=='")).found).toEqual([]);
  expect((await scanned("{ content: 'AA==', headers: { X-Page: one } }")).found).toContain(
    'request-value-invalid',
  );
  expect((await scanned('{ filename: x }')).found.length).toBeGreaterThan(0);
  expect((await scanned("{ content: 'AA==', name: x }")).found.length).toBeGreaterThan(0);
});
