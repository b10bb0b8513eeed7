import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  CHILD,
  CONNECTOR,
  CONTRACT,
  childPipeline,
  PIPELINE,
  swap,
  testWorkspace,
} from './test-workspace.ts';

const root = join(import.meta.dirname, '../../..');

test('the waits and the check that the guide shows are what a pipeline takes', async () => {
  const guide = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
  const [, steps = ''] = /### Waiting and checking\n\n```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const shown = `steps:\n${steps.replaceAll(/^/gm, '  ').trimEnd()}\n`;
  const required = 'required: [id, orderId, total, currency, customer, version';
  const dated = `${required}, placedAt]\n      properties:\n        placedAt: { type: string, format: date-time }\n`;
  const { check, diagnostics } = await testWorkspace({
    [CONTRACT]: swap(`${required}]\n      properties:\n`, dated),
    [PIPELINE]: swap('steps:\n', shown),
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(check.plans.get('order-placed')?.steps.slice(0, 4)).toMatchObject([
    { kind: 'wait', for: { durationMs: 600_000 } },
    { kind: 'wait', for: { until: expect.any(String) } },
    { kind: 'wait', for: { event: 'shop.orderPaid', withinMs: 86_400_000, onExpiry: 'fail' } },
    { kind: 'check', otherwise: 'fail' },
  ]);
});

test('the listing that the guide reads whole is what a pipeline takes', async () => {
  const guide = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
  const [, steps = ''] = /#### All pages\n[\s\S]*?```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const { check, diagnostics } = await testWorkspace({
    [PIPELINE]: swap('  - id: paid\n', `${steps.replaceAll(/^/gm, '  ').trimEnd()}\n  - id: paid\n`),
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  const plan = check.plans.get('order-placed');
  expect(plan?.steps.find(({ id }) => id === 'parcels')).toMatchObject({ pages: { atMost: 3 } });
});

test('the refusal that the guide takes as a value is what a pipeline takes', async () => {
  const guide = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
  const rules = readFileSync(join(root, 'docs/connectors.md'), 'utf8');
  const [, steps = ''] = /### An answer that says no\n[\s\S]*?```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const [, failures = ''] =
    / {2}createCharge:\n( {4}failures:\n.*refusal: declined.*\n)```/.exec(rules) ?? [];
  const declined =
    "'402': { description: no, content: { application/json: { schema: { type: object, required: [reason], properties: { reason: { type: string } } } } } }";
  const { check, diagnostics } = await testWorkspace({
    [CONNECTOR]: swap(
      '    compensation: { operation: refundCharge }\n',
      `    compensation: { operation: refundCharge }\n${failures}`,
    ),
    [PIPELINE]: swap('  - id: paid\n', `${steps.replaceAll(/^/gm, '  ').trimEnd()}\n  - id: paid\n`),
    [CONTRACT]: swap(CHARGED, `${CHARGED}        ${declined}\n`),
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(check.plans.get('order-placed')?.steps).toContainEqual(
    expect.objectContaining({ id: 'payment', refusals: ['declined'] }),
  );
});

const CHARGED =
  "'201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }\n";

test('the step that follows a failure is what a pipeline takes', async () => {
  const guide = readFileSync(join(root, 'docs/pipelines.md'), 'utf8');
  const [, steps = ''] =
    /### A step that follows a failure\n[\s\S]*?```yaml\n([\s\S]*?)```/.exec(guide) ?? [];
  const shown = `${steps.replaceAll(/^/gm, '  ').trimEnd()}\n`;
  const { check, diagnostics } = await testWorkspace({
    [PIPELINE]: swap('  - id: paid\n', `${shown}  - id: paid\n`),
    [CHILD]: childPipeline,
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(check.plans.get('order-placed')?.steps).toContainEqual(
    expect.objectContaining({ kind: 'forEach', onItemFailure: 'collect' }),
  );
});
