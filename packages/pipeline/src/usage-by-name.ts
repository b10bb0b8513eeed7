import type { Contract, ContractUsage } from '@tenon/contract';
import { textRange } from '@tenon/document';
import type { PipelineSpec } from './spec/pipeline-spec.ts';
import type { Workspace } from './workspace.ts';

/**
 * What a pipeline uses of contracts as far as its text tells: each operation and event that it names, as a whole. For
 * pipelines that cannot be understood, comments included: rather too much than a victim that is missed.
 */
export function usageByName(
  file: string,
  text: string,
  spec: PipelineSpec | undefined,
  workspace: Workspace,
): readonly ContractUsage[] {
  const pipeline = spec?.name.value ?? file.replace(/^.*\//, '').replace(/\.\w+\.yaml$/, '');
  const owner = spec?.owner?.team?.value ?? '';
  const contracts = [...workspace.contracts.values()].map(({ name, ...its }) => ({
    contract: name,
    uses: usesOfNames(its),
  }));
  return [...text.matchAll(/[\w-]+(?=\.)/g)].flatMap(({ 0: first, index: start }) => {
    const named = start + first.length + 1;
    const isNamed = (name: string): boolean =>
      text.startsWith(name, named) && !/[\w-]/.test(text.charAt(named + name.length));
    return contracts
      .filter(({ contract }) => mayMean(first, contract, workspace))
      .flatMap(({ contract, uses }) =>
        uses
          .filter(({ name }) => isNamed(name))
          .map(
            ({ name, ...use }): ContractUsage => ({
              pipeline,
              step: stepAt(text, start),
              by: 'name',
              contract,
              path: '',
              ...use,
              expression: `${first}.${name}`,
              at: { file, range: textRange(text, start, named + name.length) },
              owner,
            }),
          ),
      );
  });
}

/** All that can be meant by the name of an operation or an event. */
function usesOfNames({ operations, events }: Pick<Contract, 'operations' | 'events'>) {
  return [
    ...[...operations.keys()].flatMap((operation) => [
      { name: operation, target: { kind: 'request', operation }, access: 'write' } as const,
      { name: operation, target: { kind: 'response', operation }, access: 'read' } as const,
    ]),
    ...[...events.keys()].flatMap((event) => [
      { name: event, target: { kind: 'event', event }, access: 'read' } as const,
      { name: event, target: { kind: 'event', event, part: 'headers' }, access: 'read' } as const,
    ]),
  ];
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
