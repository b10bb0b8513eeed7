import type { Contract } from '@tenon/contract';
import { textRange } from '@tenon/document';
import { readFile } from './check-memory.ts';
import type { UsageEntry } from './usage.ts';
import type { Workspace } from './workspace.ts';

/**
 * What a pipeline uses of contracts as far as its text tells: each operation and event that it names, as a whole. For
 * pipelines that cannot be understood, comments included: rather too much than a victim that is missed.
 */
export function usageByText(file: string, text: string, workspace: Workspace): readonly UsageEntry[] {
  const { spec } = readFile(file, text);
  const pipeline = spec?.name.value ?? file.replace(/^.*\//, '').replace(/\.\w+\.yaml$/, '');
  const owner = spec?.owner?.team?.value ?? '';
  const found: UsageEntry[] = [];
  for (const contract of workspace.contracts.values())
    for (const [name, targets] of namesOf(contract))
      for (const { start, end } of placesOf(name, text)) {
        const expression = text.slice(start, end);
        const first = expression.slice(0, expression.length - name.length - 1);
        if (!mayMean(first, contract.name, workspace)) continue;
        const at = { file, range: textRange(text, start, end) };
        const step = stepAt(text, start);
        for (const [target, access] of targets)
          found.push({
            pipeline,
            step,
            contract: contract.name,
            target,
            access,
            path: '',
            expression,
            at,
            owner,
          });
      }
  return found;
}

type Targets = readonly (readonly [UsageEntry['target'], UsageEntry['access']])[];

function namesOf({ operations, events }: Contract): readonly (readonly [string, Targets])[] {
  return [
    ...[...operations.keys()].map((operation): [string, Targets] => [
      operation,
      [
        [{ kind: 'request', operation }, 'write'],
        [{ kind: 'response', operation }, 'read'],
      ],
    ]),
    ...[...events.keys()].map((event): [string, Targets] => [
      event,
      [
        [{ kind: 'event', event }, 'read'],
        [{ kind: 'event', event, part: 'headers' }, 'read'],
      ],
    ]),
  ];
}

/** Where a name stands behind a dot and what it belongs to, and is no part of a longer one. */
function placesOf(name: string, text: string): { readonly start: number; readonly end: number }[] {
  const found = [];
  for (let dot = text.indexOf(`.${name}`); dot >= 0; dot = text.indexOf(`.${name}`, dot + 1)) {
    const end = dot + 1 + name.length;
    const [first = ''] = /[\w-]*$/.exec(text.slice(0, dot)) ?? [];
    if (first !== '' && !/^[\w-]/.test(text.slice(end, end + 1)))
      found.push({ start: dot - first.length, end });
  }
  return found;
}

/** A connection or a connector that is not there any more may have spoken any contract. */
function mayMean(first: string, contract: string, { config, connectors, contracts }: Workspace): boolean {
  const connection = Object.hasOwn(config.connections, first) ? config.connections[first] : undefined;
  const connector = connectors.get(connection?.connector ?? first);
  if (first === contract || connector?.contract === contract) return true;
  return connector === undefined && !contracts.has(first);
}

/** The step that a place stands in: the last that begins above it. */
function stepAt(text: string, offset: number): string {
  const above = [...text.slice(0, offset).matchAll(/^\s*-\s*\{?\s*id:\s*["']?([\w-]+)/gm)];
  return above.at(-1)?.[1] ?? 'trigger';
}
