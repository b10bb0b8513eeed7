import type { Contract } from '@tenon/contract';
import { isReconciliationFile } from '@tenon/pipeline';
import type { Snapshot } from '../snapshot.ts';
import type { CompletionItem } from './completion.ts';

type Item = Omit<CompletionItem, 'range'>;

interface Asked {
  readonly snapshot: Snapshot;
  readonly file: string;
  readonly path: readonly string[];
  readonly siblings: ReadonlyMap<string, string>;
}

/**
 * Places whose values are names of the workspace: a pattern over `file#path`, and what may be named there. `<key>` is
 * a key being written.
 */
const PLACES: readonly (readonly [RegExp, (asked: Asked) => readonly Item[]])[] = [
  [/\.pipeline\.yaml#.*\/(call)$/, ({ snapshot, siblings }) => operations(snapshot, siblings.has('over'))],
  [/\.pipeline\.yaml#(trigger\/event|.*\/emit|.*\/wait\/event)$/, ({ snapshot }) => events(snapshot)],
  [
    /\.pipeline\.yaml#(owner\/(team|backup|roles\/[^/]+)|review\/by|.*\/approve\/by|.*\/forward\/owner)$/,
    ({ snapshot }) => teams(snapshot),
  ],
  [/\.reconciliation\.yaml#(source|target)\/read$/, ({ snapshot }) => readsOf(snapshot)],
  [/\.reconciliation\.yaml#owner\/(team|backup|roles\/[^/]+)$/, ({ snapshot }) => teams(snapshot)],
  [/\.reconciliation\.yaml#repair\/\*\/pipeline$/, ({ snapshot }) => pipelines(snapshot)],
  [/policies\/[^/]+\.yaml#owner$/, ({ snapshot }) => teams(snapshot)],
  [/connector\.yaml#metadata\/owner$/, ({ snapshot }) => teams(snapshot)],
  [/connector\.yaml#contract$/, ({ snapshot }) => names(snapshot.workspace.contracts.keys(), 'a contract')],
  [/connector\.yaml#operations\/<key>$/, (asked) => operationIds(asked, ': ')],
  [
    /connector\.yaml#(operations\/[^/]+\/(probe|compensation)|health)\/operation$/,
    (asked) => operationIds(asked, ''),
  ],
  [/connector\.yaml#webhooks\/<key>$/, (asked) => eventIds(asked)],
  [
    /tenon\.config\.yaml#.*\/connector$/,
    ({ snapshot }) => names(snapshot.workspace.connectors.keys(), 'a connector'),
  ],
];

export function namesAt(
  snapshot: Snapshot,
  file: string,
  path: readonly string[],
  siblings: ReadonlyMap<string, string>,
): readonly Item[] {
  const asked = `${file}#${path.join('/')}`;
  const offer = PLACES.find(([pattern]) => pattern.test(asked))?.[1];
  return offer?.({ snapshot, file, path, siblings }) ?? [];
}

/** `<connection>.<operation>` of every connection; of every connector where there is no configuration, or `over` names the connection. */
function operations({ workspace }: Snapshot, isOver = false): readonly Item[] {
  const { connections } = workspace.config;
  const listed =
    workspace.hasConfig && !isOver
      ? Object.entries(connections).map(([name, { connector }]) => [name, connector] as const)
      : [...workspace.connectors.keys()].map((name) => [name, name] as const);
  return listed.flatMap(([name, connector]) => {
    const manifest = workspace.connectors.get(connector);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    return [...(contract?.operations ?? [])].map(([id, operation]): Item => {
      const effect = manifest?.operations[id]?.effect;
      const doc = operation.summary ?? operation.description;
      return {
        label: `${name}.${id}`,
        kind: 'operation',
        detail: effect ?? 'not declared by the connector',
        ...(doc !== undefined && { doc }),
        text: `${name}.${id}`,
      };
    });
  });
}

/** A reconciliation reads only. */
function readsOf(snapshot: Snapshot): readonly Item[] {
  return operations(snapshot).filter(({ detail }) => detail === 'read');
}

function pipelines({ workspace }: Snapshot): readonly Item[] {
  const files = [...workspace.pipelineFiles.keys()].filter((file) => !isReconciliationFile(file));
  const named = files.map((file) => file.replace(/^.*\//, '').replace('.pipeline.yaml', ''));
  return names(named, 'a pipeline');
}

function events({ workspace }: Snapshot): readonly Item[] {
  return [...workspace.contracts.values()].flatMap((contract) => eventsOf(contract, `${contract.name}.`, ''));
}

function eventsOf(contract: Contract, prefix: string, suffix: string): readonly Item[] {
  return [...contract.events.values()].map((event): Item => {
    const doc = event.summary ?? event.description;
    return {
      label: `${prefix}${event.id}`,
      kind: 'event',
      detail: `${event.source} of ${contract.title}`,
      ...(doc !== undefined && { doc }),
      text: `${prefix}${event.id}${suffix}`,
    };
  });
}

function contractOf({ snapshot, file }: Asked): Contract | undefined {
  const { workspace } = snapshot;
  const name = [...workspace.connectorFolders].find(([, folder]) => file === `${folder}/connector.yaml`)?.[0];
  const manifest = name === undefined ? undefined : workspace.connectors.get(name);
  // A manifest that cannot be read yet may still say which contract it speaks.
  const written = /^contract:\s*([\w-]+)/m.exec(snapshot.text(file) ?? '')?.[1];
  return workspace.contracts.get(manifest?.contract ?? written ?? '');
}

function operationIds(asked: Asked, suffix: string): readonly Item[] {
  return [...(contractOf(asked)?.operations.values() ?? [])].map((operation): Item => {
    const doc = operation.summary ?? operation.description;
    return {
      label: operation.id,
      kind: 'operation',
      detail: operation.kind === 'http' ? `${operation.method} ${operation.path}` : operation.channel,
      ...(doc !== undefined && { doc }),
      text: `${operation.id}${suffix}`,
    };
  });
}

function eventIds(asked: Asked): readonly Item[] {
  const contract = contractOf(asked);
  return contract ? eventsOf(contract, '', ': ') : [];
}

function teams({ workspace }: Snapshot): readonly Item[] {
  return names(workspace.teams ?? [], 'a team of owners.yaml');
}

function names(all: Iterable<string>, detail: string): readonly Item[] {
  return [...all].map((name) => ({ label: name, kind: 'name', detail, text: name }));
}
