import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { provenanceOf, sourceOf, withProvenance } from './contract.ts';

const TWO = provenanceOf({ source: 'two.yaml', version: '2', text: 'two', at: Date.parse('2026-11-29') });
const READ = parse(
  Object.entries(TWO)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n'),
);

describe('withProvenance', () => {
  it.each([
    ['values that are left out', 'provenance:\n  source:\n  version: \n  digest: # of it\n  fetched:'],
    ['null', 'provenance:\n  source: ~\n  version: null # ours\n  digest:   ~\n  fetched: Null\n'],
    ['values of one line', 'provenance: { source: , version:, digest: ~, fetched: "" } # ours\n'],
    ['no members', 'provenance: {} # ours\nclasses: {}\n'],
    ['no map', 'provenance:\nclasses: {}\n'],
    ['a null map', 'provenance: ~ # ours\nclasses: {}\n'],
    ['nothing but a comment', 'provenance: # ours\nclasses: {}\n'],
    ['no provenance', 'classes: {} # ours'],
  ])('puts it in place of %s, and leaves the rest', (_what, policy) => {
    const after = withProvenance(policy, TWO);
    expect(parse(after), after).toEqual({ ...parse(policy), provenance: READ });
    for (const comment of policy.match(/# .*/g) ?? []) expect(after).toContain(comment);
  });

  it('leaves what is no map to a person', () => {
    expect(withProvenance('provenance: theirs\n', TWO)).toBe('provenance: theirs\n');
  });
});

it.each([
  ['vendor/billing.yaml', 'vendor/billing.yaml'],
  ['/srv/shop/vendor/billing.yaml', 'vendor/billing.yaml'],
  ['/srv/Downloads/billing.yaml', 'billing.yaml'],
  ['../Downloads/billing.yaml', 'billing.yaml'],
  ['http://127.0.0.1:8080/openapi.json', 'http://127.0.0.1:8080/openapi.json'],
])('a document from %s is told as %s, whoever adds it on whatever machine', (from, told) => {
  expect(sourceOf(from, '/srv/shop', '/srv/shop')).toBe(told);
});
