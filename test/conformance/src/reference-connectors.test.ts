import type { ConnectorManifest } from '@tenon/connector';
import { type CallResult, pages } from '@tenon/connector';
import { atPointer } from '@tenon/model';
import { type Sandbox, startMailSandbox, startSandbox } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';
import { type BenchConnector, benchConnector, ownWorkspace } from './bench-connector.ts';

/** The four reference connectors against sandboxes made from their contracts, over real sockets. */
async function bench(
  name: string,
): Promise<BenchConnector & AsyncDisposable & { readonly sandbox: Sandbox }> {
  const workspace = await ownWorkspace();
  const sandbox = await startSandbox({
    contract: workspace.contracts.get(name)!,
    manifest: workspace.connectors.get(name)!,
    imagine: true,
    oauth: { clients: { clientId: 'clientSecret' } },
  });
  const connector = await benchConnector(name, sandbox.url);
  return {
    ...connector,
    sandbox,
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await connector.transport.close();
    },
  };
}

describe.each(['crm', 'billing', 'ticketing', 'mail'])('%s', (name) => {
  it('names only operations and events of its contract, and every operation can be planned', async () => {
    const workspace = await ownWorkspace();
    const manifest = workspace.connectors.get(name)!;
    const contract = workspace.contracts.get(name)!;
    expect([...contract.operations.keys()].sort()).toEqual(Object.keys(manifest.operations).sort());
    expect([...contract.events.keys()].sort()).toEqual(Object.keys(manifest.webhooks).sort());
  });
});

function healthOf({ health }: ConnectorManifest): string {
  if (!health) throw new Error('it declares no health call');
  return health.operation;
}

describe.each(['crm', 'billing', 'ticketing'])('%s', (name) => {
  it('has a health call that answers and changes nothing', async () => {
    await using test = await bench(name);
    expect(await test.call(healthOf(test.manifest), {})).toMatchObject({ ok: true });
    expect(test.sandbox.effects()).toEqual([]);
  });

  it('sees a drifted answer as class contract', async () => {
    await using test = await bench(name);
    const operation = healthOf(test.manifest);
    const list = test.plan(operation).pagination!.items;
    test.sandbox.faults.add({ fault: { kind: 'drift', remove: [list] }, operation });
    expect(await test.call(operation, {})).toMatchObject({
      failure: { class: 'contract', delivery: 'answered', status: 200 },
    });
  });

  it.each([
    [503, 'transient'],
    [429, 'rateLimited'],
    [404, 'notFound'],
    [403, 'permission'],
  ])('maps %i to %s', async (status, failureClass) => {
    await using test = await bench(name);
    test.sandbox.faults.add({
      fault: { kind: 'status', status },
      operation: healthOf(test.manifest),
    });
    expect(await test.call(healthOf(test.manifest), {})).toMatchObject({
      failure: { class: failureClass, status },
    });
  });
});

describe('crm', () => {
  it('renews a revoked token once for fifty callers', async () => {
    await using test = await bench('crm');
    expect(await test.call('getAccount', { accountId: 'acc_1' })).toMatchObject({ ok: true });
    test.sandbox.revokeTokens();
    const before = tokenRequests(test.sandbox);
    const results = await Promise.all(
      Array.from({ length: 50 }, () => test.call('getAccount', { accountId: 'acc_1' })),
    );
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    expect(tokenRequests(test.sandbox) - before).toBe(1);
  });

  it('shows by its probe whether a lost update took', async () => {
    await using test = await bench('crm');
    const input = { accountId: 'acc_1', body: { plan: 'business', seats: 41 } };
    test.sandbox.faults.add({ fault: { kind: 'dropBefore' }, operation: 'updateAccount', nth: 1 });
    test.sandbox.faults.add({ fault: { kind: 'dropAfter' }, operation: 'updateAccount', nth: 2 });
    expect(await test.call('updateAccount', input)).toMatchObject({ failure: { delivery: 'lost' } });
    // It gives the account as it is, which is compared with what was sent.
    expect(await test.probe('updateAccount', input, 'k')).not.toMatchObject({ seats: 41 });
    expect(await test.call('updateAccount', input)).toMatchObject({ failure: { delivery: 'lost' } });
    expect(await test.probe('updateAccount', input, 'k')).toMatchObject({ plan: 'business', seats: 41 });
  });
});

describe('billing', () => {
  const invoice = { body: { customer: 'cus_1', amount: 0, externalId: 'acc_1:4' } };

  it('makes one invoice for one key, however often it is sent', async () => {
    await using test = await bench('billing');
    test.sandbox.faults.add({ fault: { kind: 'dropAfter' }, operation: 'createInvoice', nth: 1 });
    expect(await test.call('createInvoice', invoice, { idempotencyKey: 'k1' })).toMatchObject({
      failure: { delivery: 'lost' },
    });
    const second = await test.call('createInvoice', invoice, { idempotencyKey: 'k1' });
    expect(second).toMatchObject({ ok: true, status: 201, body: { status: 'open', amount: 0 } });
    expect(test.sandbox.state()['invoices']).toHaveLength(1);
    expect(await test.probe('createInvoice', invoice, 'k1')).toEqual(second.ok && second.body);
  });

  it('voids an invoice, twice to the same end, and knows it from its probe', async () => {
    await using test = await bench('billing');
    const created = await test.call('createInvoice', invoice);
    const invoiceId = idOf(created);
    expect(await test.probe('voidInvoice', { invoiceId }, 'k')).toBeNull();
    expect(await test.call('voidInvoice', { invoiceId })).toMatchObject({
      ok: true,
      body: { status: 'void' },
    });
    expect(await test.call('voidInvoice', { invoiceId })).toMatchObject({
      ok: true,
      body: { status: 'void' },
    });
    expect(await test.probe('voidInvoice', { invoiceId }, 'k')).toMatchObject({ status: 'void' });
  });

  it('lists every invoice once, page by page', async () => {
    await using test = await bench('billing');
    for (let i = 0; i < 7; i++)
      await test.call(
        'createInvoice',
        { body: { ...invoice.body, externalId: `e${i}` } },
        { idempotencyKey: `k${i}` },
      );
    const found: unknown[] = [];
    for await (const page of pages(test.transport, {
      operation: test.plan('listInvoices'),
      input: { limit: 3 },
    }))
      found.push(...(page.ok ? page.items.map((item) => atPointer(item, '/externalId')) : [page.failure]));
    expect(found.sort()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'e6']);
  });
});

describe('ticketing', () => {
  const ticket = { body: { subject: 'Welcome', requester: 'ada@northwind.example', externalId: 'acc_1:4' } };

  it('finds a lost ticket by its probe, or proves that there is none', async () => {
    await using test = await bench('ticketing');
    test.sandbox.faults.add({ fault: { kind: 'dropBefore' }, operation: 'createTicket', nth: 1 });
    test.sandbox.faults.add({ fault: { kind: 'dropAfter' }, operation: 'createTicket', nth: 2 });
    expect(await test.call('createTicket', ticket)).toMatchObject({ failure: { delivery: 'lost' } });
    expect(await test.probe('createTicket', ticket, 'k')).toBeNull();
    expect(await test.call('createTicket', ticket)).toMatchObject({ failure: { delivery: 'lost' } });
    expect(await test.probe('createTicket', ticket, 'k')).toMatchObject({
      externalId: 'acc_1:4',
      status: 'new',
    });
    expect(test.sandbox.state()['tickets']).toHaveLength(1);
  });

  it('closes what it opened', async () => {
    await using test = await bench('ticketing');
    const opened = await test.call('createTicket', ticket);
    const ticketId = idOf(opened);
    expect(await test.call('closeTicket', { ticketId })).toMatchObject({
      ok: true,
      body: { status: 'closed' },
    });
    expect(await test.probe('closeTicket', { ticketId }, 'k')).toMatchObject({ status: 'closed' });
  });

  it('never puts a requester into a failure', async () => {
    await using test = await bench('ticketing');
    for (const fault of [
      { kind: 'status', status: 422 },
      { kind: 'malformedBody' },
      { kind: 'drift', retype: ['/requester'] },
    ] as const) {
      test.sandbox.faults.clear();
      test.sandbox.faults.add({ fault, operation: 'createTicket' });
      const result = await test.call('createTicket', ticket);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain('ada@');
    }
  });
});

describe('mail', () => {
  it('sends one message and gives its receipt, which fits the contract', async () => {
    const sandbox = await startMailSandbox({ credentials: { username: 'password' } });
    const connector = await benchConnector('mail', sandbox.url);
    const body = { to: 'ada@northwind.example', subject: 'Welcome', text: 'Ready.', template: 'upgraded' };
    expect(await connector.call('sendMessage', { body })).toMatchObject({
      ok: true,
      body: { accepted: ['ada@northwind.example'] },
    });
    expect(sandbox.mails()).toMatchObject([{ subject: 'Welcome', user: 'username' }]);
    expect(
      await connector.call('sendMessage', { body: { ...body, subject: 'a\r\nBcc: b@c.example' } }),
    ).toMatchObject({
      failure: { class: 'validation', delivery: 'notSent', pointer: '/body/subject' },
    });
    await sandbox.close();
    await connector.transport.close();
  });
});

function tokenRequests(sandbox: Sandbox): number {
  return sandbox.requests().filter(({ path }) => path.startsWith('/oauth/token')).length;
}

function idOf(result: CallResult): string {
  return result.ok ? String(atPointer(result.body, '/id')) : '';
}
