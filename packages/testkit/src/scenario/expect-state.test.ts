import { describe, expect, it } from 'vitest';
import { compareState, expectState } from './expect-state.ts';

const actual = {
  billing: {
    state: () => ({
      invoices: [
        { id: 'i1', status: 'open', amount: 5 },
        { id: 'i2', status: 'void', amount: 7 },
      ],
    }),
  },
  crm: { accounts: [{ id: 'a', plan: { name: 'team', seats: 3 } }] },
};

describe('compareState', () => {
  it('is content when every expected field holds, whatever else there is, in any order', () => {
    const expected = {
      billing: { invoices: [{ status: 'void' }, { id: 'i1', status: 'open' }] },
      crm: { accounts: [{ plan: { name: 'team' } }] },
    };
    expect(compareState(actual, expected)).toMatchObject({ ok: true, differences: [] });
    expect(() => expectState(actual, expected)).not.toThrow();
  });

  it('shows the row that comes closest beside the one that is missing', () => {
    const { ok, table } = compareState(actual, {
      billing: { invoices: [{ id: 'i1', status: 'paid' }, { id: 'i2' }] },
    });
    expect(ok).toBe(false);
    expect(table).toBe(
      [
        '         system   resource  expected              actual',
        'DIFFERS  billing  invoices  id: i1, status: paid  id: i1, status: open',
        'ok       billing  invoices  id: i2                id: i2',
      ].join('\n'),
    );
  });

  it('finds a row too many: how a doubled effect shows', () => {
    const { differences } = compareState(actual, { billing: { invoices: [{ id: 'i1' }] } });
    expect(differences).toEqual([
      { system: 'billing', resource: 'invoices', expected: '', actual: 'id: i2, status: void, amount: 7' },
    ]);
  });

  it('matches each row once', () => {
    expect(compareState(actual, { crm: { accounts: [{ id: 'a' }, { id: 'a' }] } }).ok).toBe(false);
  });

  it('misses rows of a resource or a system that holds none', () => {
    expect(
      compareState(actual, { crm: { tickets: [{ id: 't' }] }, mail: { mails: [{ to: 'x' }] } }).differences,
    ).toHaveLength(2);
    expect(compareState(actual, { crm: { tickets: [] } }).ok).toBe(true);
  });

  it('throws with the table', () => {
    expect(() => expectState(actual, { crm: { accounts: [] } })).toThrow(
      /1 differences in the final state\n.*system/,
    );
  });
});
