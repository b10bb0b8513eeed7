import { compileValidator } from '@tenon/schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadManifest } from './load-manifest.ts';
import { connectorSchema } from './manifest-schema.ts';
import { BASE, withMembers } from './rules.cases.ts';
import { secretLooking } from './secret-literal.ts';
import { checkShape } from './shape.ts';

describe('loadManifest', () => {
  it('parses durations and fills in defaults', () => {
    const { value } = loadManifest('connector.yaml', BASE);
    expect(value?.manifest).toMatchObject({
      name: 'billing',
      transport: 'http',
      defaults: { timeoutMs: 10_000, failures: [] },
      operations: {
        listInvoices: { effect: 'read', idempotency: { mode: 'natural' } },
        createInvoice: {
          idempotency: { mode: 'header', name: 'Idempotency-Key', retentionMs: 86_400_000 },
          compensation: { operation: 'voidInvoice', withinMs: 2_592_000_000 },
        },
      },
    });
  });

  it('expands a probe `by` a field into the call and the test', () => {
    const { value } = loadManifest('connector.yaml', BASE);
    const matching = 'body.items.filter(item, item.externalId == request.body.externalId)';
    expect(value?.manifest.operations['createInvoice']?.probe).toEqual({
      operation: 'listInvoices',
      with: { externalId: '${ request.body.externalId }' },
      found: `size(${matching}) > 0 ? ${matching}[0] : null`,
      settleMs: 1_000,
    });
  });

  it('writes statuses as text and unwraps `when`', () => {
    const { value } = loadManifest(
      'connector.yaml',
      withMembers(
        'defaults: { failures: [{ status: 429, class: rateLimited }, { status: 5XX, when: "${ body.code == 1 }", class: transient }] }',
      ),
    );
    expect(value?.manifest.defaults.failures).toEqual([
      { status: '429', class: 'rateLimited' },
      { status: '5xx', when: 'body.code == 1', class: 'transient' },
    ]);
  });

  it('takes what an answer means as a fixed text, and nothing that would be filled in from the answer', () => {
    const rule = (says: string) =>
      loadManifest(
        'connector.yaml',
        withMembers(
          `defaults: { failures: [{ status: 422, class: validation, says: ${JSON.stringify(says)} }] }`,
        ),
      );
    expect(rule('bad_parcel: too large').value?.manifest.defaults.failures).toEqual([
      { status: '422', class: 'validation', says: 'bad_parcel: too large' },
    ]);
    for (const says of ['${ body.message }', 'see ${ body.message }', 'a\nb', 'x'.repeat(201)])
      expect(rule(says).diagnostics.map(({ code }) => code)).toEqual(['manifest-value-invalid']);
  });

  it('gives each webhook the delivery id of its scheme', () => {
    const { value } = loadManifest(
      'connector.yaml',
      withMembers(
        'webhooks: { a: { verify: github }, b: { verify: stripe, tolerance: 1m, id: Webhook-Id } }',
      ),
    );
    expect(value?.manifest.webhooks).toEqual({
      a: { verify: 'github', id: 'x-github-delivery', toleranceMs: 300_000 },
      b: { verify: 'stripe', id: 'webhook-id', toleranceMs: 60_000 },
    });
  });

  it('points at the misspelt key and offers the one meant', () => {
    const { value, diagnostics } = loadManifest('connector.yaml', withMembers('defaults:\n  timeot: 5s'));
    expect(value).toBeUndefined();
    expect(diagnostics).toMatchObject([
      {
        code: 'manifest-key-unknown',
        fix: 'did you mean `timeout`?',
        range: { start: { line: 14, column: 3 } },
      },
    ]);
  });

  it('names the auth branch that was meant instead of listing all', () => {
    const { diagnostics } = loadManifest(
      'connector.yaml',
      withMembers('auth: [{ id: a, type: apikey, in: header, name: x }]'),
    );
    expect(diagnostics).toMatchObject([{ code: 'manifest-value-invalid', fix: 'did you mean `apiKey`?' }]);
  });

  it.each([
    [
      'operations: { get: { effect: read, timeout: 10 } }',
      'manifest-duration-invalid',
      '10 is no duration: it has no unit',
      'write the unit too: `10s`, or `500ms`, `2m`, `1h30m`',
    ],
    [
      'operations: { get: { effect: read, pagination: { type: cursor, in: cursor, out: next_cursor } } }',
      'manifest-value-invalid',
      'expected a JSON Pointer such as /data/next, found `next_cursor`',
      'write `/next_cursor`',
    ],
    [
      'operations: { get: { effect: read, pagination: { type: cursor, in: cursor, out: meta.next } } }',
      'manifest-value-invalid',
      'expected a JSON Pointer such as /data/next, found `meta.next`',
      'write `/meta/next`',
    ],
    [
      'webhooks: { a: { verify: stripes } }',
      'manifest-value-invalid',
      '`stripes` is none of `standard-webhooks`, `stripe`, `github`, `slack`. Signature scheme: one of those known here, or `own-…`, which the connector’s own code provides',
      'did you mean `stripe`?',
    ],
    [
      'webhooks: { a: { verify: hmac } }',
      'manifest-value-invalid',
      '`hmac` is none of `standard-webhooks`, `stripe`, `github`, `slack`. Signature scheme: one of those known here, or `own-…`, which the connector’s own code provides',
      'Give it a value of the kind named.',
    ],
  ])('says what is expected, with an example: %s', (members, code, message, fix) => {
    const { diagnostics } = loadManifest('connector.yaml', withMembers(members));
    expect(diagnostics).toMatchObject([{ code, message, fix }]);
  });

  it('never repeats a pasted secret in its message', () => {
    const secret = ['sk', 'live', 'abcdefghijklmnop123456'].join('_');
    const { diagnostics } = loadManifest('connector.yaml', withMembers(`egress: ["${secret}"]`));
    expect(diagnostics.map(({ code }) => code)).toContain('manifest-secret-literal');
    expect(JSON.stringify(diagnostics)).not.toContain(secret);
  });

  it('keeps the document, to say where a later check found something', () => {
    const { value } = loadManifest('connector.yaml', BASE);
    expect(value?.document.locate('/contract').range.start).toMatchObject({ line: 4, column: 11 });
  });
});

describe('checkShape', () => {
  const ajv = compileValidator(connectorSchema);
  const base = {
    apiVersion: 'tenon/v1',
    kind: 'Connector',
    metadata: { name: 'a', version: '1.0.0', owner: 'b' },
    contract: 'a',
    operations: { get: { effect: 'read' } },
  };
  const scalar = fc.oneof(
    fc.constantFrom<unknown>(
      'read',
      'create',
      'header',
      'natural',
      '10s',
      '5xx',
      429,
      0,
      1.5,
      true,
      null,
      '',
      'bearer',
      'cursor',
      '/x',
    ),
    fc.constant([]),
    fc.constant({}),
  );
  const operation = fc.dictionary(
    fc.constantFrom('effect', 'scopes', 'idempotency', 'probe', 'pagination', 'timeout', 'failures', 'other'),
    fc.oneof(
      scalar,
      fc.dictionary(fc.constantFrom('mode', 'name', 'type', 'in', 'out', 'operation', 'by', 'limit'), scalar),
    ),
  );

  it('gives the verdict that Ajv gives', () => {
    fc.assert(
      fc.property(
        operation,
        scalar,
        fc.constantFrom('auth', 'egress', 'contract', 'health', 'sandbox', 'zzz'),
        (get, value, key) => {
          const document = { ...base, operations: { get }, [key]: value };
          expect(checkShape(connectorSchema, document).length === 0).toBe(ajv(document).length === 0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('commas of YAML', () => {
  const fixes = (members: string) =>
    loadManifest('connector.yaml', withMembers(members)).diagnostics.map(({ fix }) => fix);

  it('show the list that a text was to be', () => {
    expect(fixes('egress: a.example, b.example')).toEqual(['write `[a.example, b.example]`']);
    expect(fixes('egress: a.example')).toEqual(['write `[a.example]`']);
  });

  it('are told where one has ended a text between braces', () => {
    expect(
      fixes('defaults: { failures: [{ status: 422, class: validation, says: too large, and late }] }'),
    ).toEqual(['put the whole text of `says` in quotes: between braces a comma ends it']);
    expect(fixes('defaults: { timeout: 10s, retries: 3 }')).toEqual([expect.stringMatching(/^use one of/)]);
  });
});

describe('secretLooking', () => {
  it.each([
    ['-----BEGIN RSA ', 'PRIVATE KEY-----'],
    ['ghp_', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['AKIA', 'IOSFODNN7EXAMPLE'],
    ['postgres://user:', 'hunter2@db/x'],
    ['tR7vQ2mX9kL4pZ8s', 'W1nB6cY3hJ5gD0fA'],
  ])('knows %s…', (start, end) => {
    expect(secretLooking(start + end)).toBeDefined();
  });

  it.each([
    'https://api.billing.example/v1/invoices',
    '3f1c8a52-0f6e-4d3c-9b1a-7e2d5c4b6a90',
    'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'steps.subscription.amount > policy.limits.financeApprovalThreshold',
    'createInvoiceForSubscriptionUpgradedEvent',
    'env:BILLING_TOKEN',
  ])('leaves %s alone', (text) => {
    expect(secretLooking(text)).toBeUndefined();
  });
});
