import { sha256 } from '@tenon/model';
import { planWrite } from './plan-write.ts';
import type { codegenRules } from './rules.ts';
import type { Stamp } from './stamp.ts';

type Case = () => readonly string[];

/** For every code, a state of `generated/` that fires it and one that does not. */
export const codegenCases = {
  'generated-missing': {
    fires: () => codes({}, { 'generated/crm/index.js': 'new' }),
    silent: () => codes({ 'generated/crm/index.js': 'new' }, { 'generated/crm/index.js': 'new' }),
  },
  'generated-outdated': {
    fires: () => codes(stamped('old', 'old'), { 'generated/crm/index.js': 'new' }),
    silent: () => codes(stamped('edited', 'old'), { 'generated/crm/index.js': 'new' }),
  },
  'generated-edited': {
    fires: () => codes(stamped('edited', 'old'), { 'generated/crm/index.js': 'new' }),
    silent: () => codes(stamped('old', 'old'), { 'generated/crm/index.js': 'new' }),
  },
  'generated-left-over': {
    fires: () => codes({ 'generated/gone/index.js': 'x' }, {}),
    silent: () => codes({ 'generated/crm/pacts/a-b.json': '{}', 'generated/crm/node_modules/x.js': '' }, {}),
  },
} satisfies Record<keyof typeof codegenRules, { readonly fires: Case; readonly silent: Case }>;

function codes(existing: Record<string, string>, wanted: Record<string, string>): string[] {
  const files = Object.entries(wanted).map(([path, text]) => ({ path, text }));
  const kept = new Set(Object.keys(existing).filter((path) => path.endsWith('stamp.json')));
  const generation = { files, kept, generated: [], skipped: [] };
  return planWrite(new Map(Object.entries(existing)), generation).drift.map(({ code }) => code);
}

function stamped(text: string, stampedText: string): Record<string, string> {
  const stamp: Stamp = {
    generator: { version: '0.1.0', revision: '0' },
    contract: { name: 'crm', version: '1.0.0', digest: 'sha256:0' },
    input: 'sha256:0',
    files: { 'index.js': sha256(stampedText) },
  };
  return { 'generated/crm/index.js': text, 'generated/crm/stamp.json': JSON.stringify(stamp) };
}
