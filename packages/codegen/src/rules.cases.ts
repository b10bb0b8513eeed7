import { sha256 } from '@tenon/model';
import { planWrite } from './plan-write.ts';
import type { codegenRules } from './rules.ts';
import type { Stamp, Stamps } from './stamp.ts';

type Case = () => readonly string[];

/** For every code, a state of `generated/` that fires it and one that does not. */
export const codegenCases = {
  'generated-missing': {
    fires: () => codes({}, { 'generated/crm/index.js': 'new' }),
    silent: () => codes({ 'generated/crm/index.js': 'new' }, { 'generated/crm/index.js': 'new' }),
  },
  'generated-outdated': {
    fires: () => changed('old', 'old'),
    silent: () => changed('edited', 'old'),
  },
  'generated-edited': {
    fires: () => changed('edited', 'old'),
    silent: () => changed('old', 'old'),
  },
  'generated-left-over': {
    fires: () => codes({ 'generated/gone/index.js': 'x' }, {}),
    silent: () => codes({ 'generated/crm/pacts/a-b.json': '{}', 'generated/crm/node_modules/x.js': '' }, {}),
  },
} satisfies Record<keyof typeof codegenRules, { readonly fires: Case; readonly silent: Case }>;

function codes(
  existing: Record<string, string>,
  wanted: Record<string, string>,
  stamps: Stamps = new Map(),
): string[] {
  const files = Object.entries(wanted).map(([path, text]) => ({ path, text }));
  const generation = { files, kept: new Set<string>(), stamps: new Map(), generated: [], skipped: [] };
  return planWrite(new Map(Object.entries(existing)), generation, stamps).drift.map(({ code }) => code);
}

/** What is found of a file that is to be another, given what was written there before. */
function changed(text: string, written: string): string[] {
  const stamp: Stamp = { input: 'sha256:0', files: { 'index.js': sha256(written) } };
  const file = 'generated/crm/index.js';
  return codes({ [file]: text }, { [file]: 'new' }, new Map([['crm', JSON.stringify(stamp)]]));
}
