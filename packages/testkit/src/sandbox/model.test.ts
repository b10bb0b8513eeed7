import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ask, asker, noon, shopContract } from './open-shop.testing.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

/** What a customer must be, as a person reading the contract would keep it in a map. */
interface Customer {
  email: string;
  tier: string;
  active?: boolean;
}
interface Model {
  readonly rows: Map<string, Customer>;
  effects: number;
  serial: number;
}
interface Real {
  readonly ask: Ask;
  readonly sandbox: Sandbox;
}
type Command = fc.AsyncCommand<Model, Real>;

const tier = fc.constantFrom('free', 'team', 'business');
const email = fc.nat(5).map((number) => `u${number}@x.example`);
/** Ids that exist, existed, and never did. */
const id = fc.integer({ min: 1, max: 8 }).map((number) => `customer_${number}`);

const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(email, fc.option(tier), fc.option(fc.boolean())).map(([address, chosen, active]) =>
    command(`create ${address} ${chosen}`, async (model, { ask }) => {
      const body = { email: address, ...(chosen && { tier: chosen }), ...(active !== null && { active }) };
      const { status, json } = await ask('POST', '/customers', body);
      const isTaken = [...model.rows.values()].some((row) => row.email === address);
      expect(status).toBe(isTaken ? 409 : 201);
      if (isTaken) return;
      model.serial += 1;
      model.effects += 1;
      expect(json.id).toBe(`customer_${model.serial}`);
      model.rows.set(json.id, { email: address, tier: chosen ?? 'free', ...(active !== null && { active }) });
    }),
  ),
  fc.tuple(id, fc.record({ tier, email }, { requiredKeys: [] })).map(([which, patch]) =>
    command(`patch ${which} ${JSON.stringify(patch)}`, async (model, { ask }) => {
      const { status } = await ask('PATCH', `/customers/${which}`, patch);
      const row = model.rows.get(which);
      expect(status).toBe(row === undefined ? 404 : 200);
      if (row === undefined) return;
      model.effects += 1;
      model.rows.set(which, { ...row, ...patch });
    }),
  ),
  fc.tuple(id, email).map(([which, address]) =>
    command(`put ${which} ${address}`, async (model, { ask }) => {
      const { status } = await ask('PUT', `/customers/${which}`, { email: address });
      const isThere = model.rows.has(which);
      expect(status).toBe(isThere ? 200 : 404);
      if (!isThere) return;
      model.effects += 1;
      model.rows.set(which, { email: address, tier: 'free' });
    }),
  ),
  id.map((which) =>
    command(`delete ${which}`, async (model, { ask }) => {
      const { status } = await ask('DELETE', `/customers/${which}`);
      expect(status).toBe(model.rows.delete(which) ? 204 : 404);
      if (status === 204) model.effects += 1;
    }),
  ),
  id.map((which) =>
    command(`get ${which}`, async (model, { ask }) => {
      const { status, json } = await ask('GET', `/customers/${which}`);
      const row = model.rows.get(which);
      expect(status).toBe(row === undefined ? 404 : 200);
      if (row !== undefined)
        expect(json).toEqual({ id: which, createdAt: '2026-06-01T12:00:00.000Z', ...row });
    }),
  ),
  fc.tuple(email, tier).map(([address, chosen]) =>
    command(`list ${address} ${chosen}`, async (model, { ask }) => {
      const wanted = (path: string, keep: (row: Customer) => boolean) =>
        expect(
          ask('GET', path).then(({ json }) => json.data.map((row: { id: string }) => row.id)),
        ).resolves.toEqual([...model.rows].filter(([, row]) => keep(row)).map(([which]) => which));
      await wanted(`/customers?limit=50&email=${address}`, (row) => row.email === address);
      await wanted(`/customers?limit=50&tier=${chosen}`, (row) => row.tier === chosen);
    }),
  ),
];

describe('a sandbox against a map', () => {
  it('answers any sequence of requests as the map would, and counts each effect once', async () => {
    const sandbox = await startSandbox({ contract: await shopContract(), clock: noon });
    const ask = asker(sandbox.url);
    try {
      await fc.assert(
        fc.asyncProperty(fc.commands(commands, { maxCommands: 25 }), async (sequence) => {
          sandbox.reset();
          const model: Model = { rows: new Map(), effects: 0, serial: 0 };
          await fc.asyncModelRun(() => ({ model, real: { ask, sandbox } }), sequence);
          expect(sandbox.effects()).toHaveLength(model.effects);
          expect((sandbox.state()['customers'] ?? []).map((row) => row['id'])).toEqual([
            ...model.rows.keys(),
          ]);
        }),
        { numRuns: 40, seed: 5 },
      );
    } finally {
      await sandbox.close();
    }
  });
});

function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}
