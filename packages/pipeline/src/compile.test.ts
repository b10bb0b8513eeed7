import { canonicalJson } from '@tenon/model';
import { describe, expect, test } from 'vitest';
import { planHash } from './plan-hash.ts';
import { CONFIG, CONTRACT, PIPELINE, swap, swaps, testWorkspace } from './test-workspace.ts';

async function plan(edits: Parameters<typeof testWorkspace>[0] = {}) {
  const { check, diagnostics } = await testWorkspace(edits);
  const found = check.plans.get('order-placed');
  if (!found) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return found;
}

test('the same spec gives the same bytes', async () => {
  expect(canonicalJson(await plan())).toBe(canonicalJson(await plan()));
});

test('the hash is that of all other members, and follows every change', async () => {
  const { hash, ...rest } = await plan();
  expect(hash).toBe(planHash(rest));
  // From parsed bytes too, where nothing is frozen or known.
  expect(planHash(JSON.parse(canonicalJson(rest)) as typeof rest)).toBe(hash);
  expect((await plan({ [PIPELINE]: swap('within: 4h,', 'within: 5h,') })).hash).not.toBe(hash);
  const wider = swap('enum: [open, settled, refunded]', 'enum: [open, settled, refunded, lost]');
  expect((await plan({ [CONTRACT]: wider })).hash).not.toBe(hash);
});

test('roles are in the plan as they were given, and leave no trace where none is', async () => {
  expect((await plan()).owner).not.toHaveProperty('roles');
  const edits = swap('recover: 4h }', 'recover: 4h, roles: { triage: finance, logic: platform } }');
  expect((await plan({ [PIPELINE]: edits })).owner.roles).toEqual({ logic: 'platform', triage: 'finance' });
});

test('whose event it is, is in the plan, and is no place for classed data', async () => {
  const account = (expression: string) => ({
    [PIPELINE]: swap('orderBy: ${ event.orderId }', `orderBy: \${ event.orderId }\n  account: ${expression}`),
  });
  expect((await plan(account('${ event.customer.name }'))).identity.account).toMatchObject({
    expression: 'event.customer.name',
  });
  const { diagnostics } = await testWorkspace(account('${ event.customer.email }'));
  expect(diagnostics.map(({ code }) => code)).toEqual(['classed-data-in-key']);
});

test('a review changes the plan only by its source, and how often it is drilled is in the plan', async () => {
  const rounds = swap(
    'tier: medium',
    'tier: medium\nreview: { by: finance, every: 30d }\ndrills: { every: 30d }',
  );
  const { drills, ...rest } = await plan({ [PIPELINE]: rounds });
  expect(drills).toEqual({ everyMs: 30 * 86_400_000 });
  expect(Object.keys(rest)).toEqual(Object.keys(await plan()));
});

test('data is kept for the shortest time that a contract sets for a class that it holds', async () => {
  const retention = (text: string) => ({
    'contracts/shop/contract.yaml': swap('residency: eu', `residency: eu\nretention: ${text}`),
  });
  expect(await plan()).not.toHaveProperty('keep');
  // Amounts are sent to it, and never stored.
  expect(await plan(retention('{ financial: 1d }'))).not.toHaveProperty('keep');
  expect((await plan(retention('{ personal: 7d, financial: 1d }'))).keep).toEqual({
    ms: 7 * 86_400_000,
    because: 'personal data of shop',
  });
});

test('personal data is bound to the region of its contract, and an account elsewhere is no place for it', async () => {
  const to = '/paths/~1parcels/post/requestBody/content/application~1json/schema/properties/to';
  const classed = {
    'contracts/shop/contract.yaml': swap('residency: eu', `  ${to}: personal\nresidency: eu`),
    [PIPELINE]: swap('event.customer.name }', 'event.customer.email }'),
  };
  const { operations } = await plan(classed);
  expect(operations['shop.createParcel']).toMatchObject({ region: 'eu' });
  expect(operations['shop.createCharge']).not.toHaveProperty('region');
  const abroad = { ...classed, [CONFIG]: swap('    baseUrl:', '    region: us\n    baseUrl:') };
  const { diagnostics } = await testWorkspace(abroad);
  expect(diagnostics).toMatchObject([{ code: 'data-leaves-region' }]);
});

test('a plan holds all that it calls: steps, compensations and probes', async () => {
  const { operations, events } = await plan();
  expect(Object.keys(operations)).toEqual([
    'shop.cancelParcel',
    'shop.createCharge',
    'shop.createParcel',
    'shop.findParcels',
    'shop.getOrder',
    'shop.refundCharge',
  ]);
  expect(Object.keys(events)).toEqual(['news.orderShipped', 'shop.orderPaid', 'shop.orderPlaced']);
});

test('defaults of retries are written out', async () => {
  const { steps } = await plan();
  const charge = steps.find(({ id }) => id === 'charge');
  expect(charge).toMatchObject({
    retry: {
      attempts: 3,
      withinMs: 60_000,
      backoff: { initialMs: 500, factor: 2, maxMs: 30_000 },
      jitter: 'full',
      on: ['timeout', 'transient', 'rateLimited'],
    },
  });
});

test('a policy that only says whose event it is travels with the plan too', async () => {
  const { policies } = await plan({
    [PIPELINE]: swaps(
      ['    when: ${ policy.isLarge(event) }\n', ''],
      ['  retain: 30d\n', "  retain: 30d\n  account: \"${ policy.isLarge(event) ? 'large' : 'small' }\"\n"],
    ),
  });
  expect(Object.keys(policies)).toEqual(['isLarge']);
});

test('only the policies that are called travel with a plan', async () => {
  expect((await plan()).policies).toEqual({
    isLarge: { parameters: ['order'], expression: 'order.total >= 100000' },
  });
});

test('classed fields are listed for redaction', async () => {
  expect((await plan()).redact).toEqual({ event: ['/customer/email'] });
});

test('so is what a contract calls a password and its policy says nothing of', async () => {
  const made = swap(
    '        amount: { type: integer }\n    Parcel:',
    `        amount: { type: integer }
        apiKey: { type: string, format: password, writeOnly: true }
    Parcel:`,
  );
  const { redact } = await plan({ [CONTRACT]: made });
  expect(redact['steps.charge']).toEqual(['/apiKey']);
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: made,
    [PIPELINE]: swap(
      "reference: '${ event.orderId }'",
      "reference: '${ default(steps.charge.apiKey, event.orderId) }'",
    ),
  });
  expect(diagnostics.map(({ code }) => code)).toContain('data-not-cleared');
});

test("the idempotency header is the transport's, not an input", async () => {
  const { operations } = await plan();
  expect(operations['shop.createCharge']?.http?.parameters).toEqual([]);
});

test('a plan is frozen', async () => {
  const { steps } = await plan();
  expect(Object.isFrozen(steps)).toBe(true);
});

describe('a check that is resumed makes again', () => {
  const status = "steps.order.status == 'open'";
  /** Steps between the read and the check, and the check's condition. */
  const madeAgain = async (between: string, condition = status): Promise<readonly string[] | undefined> => {
    const { steps } = await plan({
      [PIPELINE]: swaps(['  - id: sound\n', `${between}  - id: sound\n`], [status, condition]),
    });
    const sound = steps.find(({ id }) => id === 'sound');
    return sound?.kind === 'check' ? sound.again : undefined;
  };
  const state = "  - id: state\n    set: { is: '${ steps.order.status }' }\n";
  const asked = (total: string): string =>
    `  - id: asked\n    approve: { by: finance, within: 4h, onExpiry: reject, show: { total: '\${ ${total} }' } }\n`;
  const found = "  - id: found\n    call: shop.findParcels\n    with: { reference: '${ steps.order.id }' }\n";

  test.each([
    ['the read that it looks at', '', status, ['order']],
    ['what was set of it', state, "steps.state.is == 'open'", ['order', 'state']],
    ['what was set of it and looked at by others', state, status, ['order', 'state']],
    ['a read by what was read', found, 'size(steps.found.items) > 0', ['order', 'found']],
    ['no other read', found.replace('steps.order.id', 'event.orderId'), status, ['order']],
    ['what nobody was shown', asked('event.total'), status, ['order']],
    ['nothing that a person was shown', asked('steps.order.status'), status, undefined],
    [
      'nothing that a branch went by',
      `  - id: way\n    choose:\n      - when: \${ ${status} }\n        steps: [{ id: mark, set: { is: open } }]\n`,
      status,
      undefined,
    ],
    [
      'nothing once something was done',
      "  - id: early\n    call: shop.createCharge\n    with: { body: { order: '${ event.orderId }', amount: '${ event.total }', currency: EUR } }\n    compensate: { call: shop.refundCharge, with: { chargeId: '${ steps.early.id }' } }\n",
      status,
      undefined,
    ],
    ['nothing where it looks at no read', '', 'event.total > 0', undefined],
  ])('%s', async (_, between, condition, ids) => {
    expect(await madeAgain(between, condition)).toEqual(ids);
  });
});
