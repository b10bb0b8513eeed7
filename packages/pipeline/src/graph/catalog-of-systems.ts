import { compareText, formatDuration } from '@tenon/model';
import type { PipelineModel } from '../check/model.ts';
import { calledOver } from '../check/proofs/called-over.ts';
import type { Workspace } from '../workspace.ts';
import { modelsOf, systemsOf } from './graph.ts';

/** One page on what the workspace joins: which system owns which nouns, offers which verbs, takes part in which flows. */
export interface SystemEntry {
  readonly system: string;
  readonly contract: string;
  readonly connector: string;
  readonly owner: string;
  readonly steward?: string;
  /** Nouns: fields that this system is the record of, as `Customer.email`; of operations and events, their pointer. */
  readonly owns: readonly string[];
  readonly verbs: readonly VerbEntry[];
  readonly events: readonly string[];
  /** Pipelines that call it or that its events start. */
  readonly flows: readonly string[];
  /** What those promise: to users, and when something fails. */
  readonly promises: readonly FlowPromise[];
}

export interface FlowPromise {
  readonly pipeline: string;
  /** Share of runs that succeed in time; absent where no promise is made to users. */
  readonly objective?: number;
  readonly withinMs?: number;
  readonly respondMs?: number;
  readonly recoverMs?: number;
}

export interface VerbEntry {
  readonly operation: string;
  readonly effect: string;
  readonly summary?: string;
  /** Pipelines that call it. */
  readonly usedBy: readonly string[];
}

/** The catalog of systems (C39), by name. Verbs are the operations that the connector declares or a pipeline calls. */
export function catalogOfSystems(workspace: Workspace): readonly SystemEntry[] {
  const models = modelsOf(workspace);
  return systemsOf(workspace).flatMap(([system, connector]): readonly SystemEntry[] => {
    const manifest = workspace.connectors.get(connector);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    if (!manifest || !contract) return [];
    const users = new Map<string, Set<string>>();
    const flows = new Set<string>();
    for (const { model, data } of models) {
      const { spec, calls, trigger } = model;
      if (trigger?.contract.name === contract.name) flows.add(spec.name.value);
      for (const { step, call, compensation, guard } of calls.values())
        for (const one of [call, compensation, guard].filter((each) => each !== undefined)) {
          if (!calledOver(one, step, data).includes(system)) continue;
          flows.add(spec.name.value);
          const known = users.get(one.operation.id) ?? new Set<string>();
          users.set(one.operation.id, known.add(spec.name.value));
        }
    }
    const verbs = [...contract.operations.values()]
      .filter(({ id }) => Object.hasOwn(manifest.operations, id) || users.has(id))
      .map(
        (operation): VerbEntry => ({
          operation: operation.id,
          effect: manifest.operations[operation.id]?.effect ?? 'undeclared',
          ...(operation.summary !== undefined && { summary: operation.summary }),
          usedBy: sorted(users.get(operation.id) ?? []),
        }),
      );
    const steward = contract.policy?.steward;
    return [
      {
        system,
        contract: contract.name,
        connector,
        owner: manifest.owner,
        ...(steward !== undefined && { steward }),
        owns: sorted((contract.policy?.systemOfRecord ?? []).map(nounOf)),
        verbs,
        events: sorted(contract.events.keys()),
        flows: sorted(flows),
        promises: models
          .filter(({ model: { spec } }) => flows.has(spec.name.value))
          .map(({ model }) => promiseOf(model))
          .sort((a, b) => compareText(a.pipeline, b.pipeline)),
      },
    ];
  });
}

function promiseOf({ spec: { name, slo, owner } }: PipelineModel): FlowPromise {
  return {
    pipeline: name.value,
    ...(slo?.objective !== undefined && { objective: slo.objective }),
    ...(slo?.within && { withinMs: slo.within.value }),
    ...(owner?.respond && { respondMs: owner.respond.value }),
    ...(owner?.recover && { recoverMs: owner.recover.value }),
  };
}

function promiseText({ objective, withinMs, respondMs, recoverMs }: FlowPromise): string {
  const user =
    objective === undefined || withinMs === undefined
      ? []
      : [`${Number((objective * 100).toFixed(6))}% within ${formatDuration(withinMs)}`];
  const team =
    respondMs === undefined || recoverMs === undefined
      ? []
      : [`respond ${formatDuration(respondMs)}, recover ${formatDuration(recoverMs)}`];
  return [...user, ...team].join('; ');
}

export function renderCatalog(entries: readonly SystemEntry[], format: 'text' | 'json'): string {
  if (format === 'json') return `${JSON.stringify(entries, undefined, 2)}\n`;
  return entries
    .map(({ system, contract, owner, steward, owns, verbs, events, flows, promises }) =>
      [
        `${system} (contract ${contract}; owner ${owner}${steward === undefined ? '' : `, steward ${steward}`})`,
        `  owns    ${list(owns)}`,
        ...verbs.map(({ operation, effect, usedBy }, index) => {
          const users = usedBy.length === 0 ? '' : `: ${usedBy.join(', ')}`;
          return `  ${index === 0 ? 'verbs' : '     '}   ${operation} (${effect})${users}`;
        }),
        `  events  ${list(events)}`,
        ...(promises.length === 0 ? [`  flows   ${list(flows)}`] : []),
        ...promises.map(
          (promise, index) =>
            `  ${index === 0 ? 'flows' : '     '}   ${promise.pipeline} (${promiseText(promise)})`,
        ),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** `/components/schemas/Customer/properties/email` → `Customer.email`. */
function nounOf(pointer: string): string {
  const schema = /^\/components\/schemas\/([^/]+)(.*)$/.exec(pointer);
  if (!schema) return pointer;
  const fields = [...schema[2]!.matchAll(/\/properties\/([^/]+)/g)].map((match) => match[1]!);
  return [schema[1]!, ...fields].join('.');
}

function list(names: readonly string[]): string {
  return names.length === 0 ? '–' : names.join(', ');
}

function sorted(names: Iterable<string>): readonly string[] {
  return [...names].sort(compareText);
}
