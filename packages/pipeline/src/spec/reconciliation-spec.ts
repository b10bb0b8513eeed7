import type { Diagnostic, Location } from '@tenon/model';
import { child, entry, type SpecDocument, type SpecNode, type SpecScalar } from '../yaml/spec-document.ts';
import { given, type Located, type PipelineSpec, reader, readOwner } from './pipeline-spec.ts';
import type { SpecExpression, Template } from './template.ts';

export const SIDES = ['source', 'target'] as const;
export type Side = (typeof SIDES)[number];

/** A reconciliation as written: what a pipeline's spec is to a pipeline. */
export interface ReconciliationSpec {
  readonly at: Location;
  readonly schedule?: ScheduleSpec;
  readonly sides: Readonly<Partial<Record<Side, SideSpec>>>;
  readonly compare: readonly FieldSpec[];
  readonly totals: readonly FieldSpec[];
  readonly settle?: Located<number>;
  readonly window?: Located<number>;
  readonly confirm?: Located<number>;
  readonly deadline?: Located<number>;
  readonly alarmAbove?: number;
  readonly list?: number;
  readonly repair: readonly RepairSpec[];
}

export interface ScheduleSpec {
  readonly at: Location;
  readonly cron?: Located<string>;
  readonly zone?: Located<string>;
  readonly missed?: 'skip' | 'once';
  readonly jitter?: number;
}

/** One of both systems. */
export interface SideSpec {
  readonly node: SpecNode;
  readonly at: Location;
  readonly read: Located<string>;
  readonly with?: Template;
  readonly items?: Located<string>;
  readonly where?: SpecExpression;
  readonly key?: Named;
  readonly id?: Named;
  readonly changedAt?: Named;
}

/** A template under a key of the spec. */
export interface Named {
  readonly key: SpecScalar;
  readonly value: Template;
}

/** Two values that must agree. */
export interface FieldSpec {
  readonly name: Located<string>;
  readonly key: SpecScalar;
  readonly source?: Template;
  readonly target?: Template;
  readonly tolerance?: Located<number | string>;
}

export interface RepairSpec {
  readonly at: Location;
  readonly pipeline: Located<string>;
  readonly entity?: Template;
  readonly start?: { readonly at: Location; readonly with?: Template };
}

/**
 * Reads a reconciliation. It comes as a pipeline's spec without steps: those that stand for its reads are put in when
 * its names are known (`check/proofs/reconciliation-steps.ts`), so that all that is checked of pipelines is of these.
 */
export function readReconciliation(document: SpecDocument): {
  readonly spec?: PipelineSpec;
  readonly diagnostics: readonly Diagnostic[];
} {
  const found: Diagnostic[] = [];
  const read = reader(document, found);
  const { root } = document;
  const metadata = child(root, 'metadata');
  const name = read.text(child(metadata, 'name'));
  if (!root || !name) return { diagnostics: found };
  const schedule = child(root, 'schedule');
  const repair = child(root, 'repair');
  const reconciliation: ReconciliationSpec = {
    at: name.at,
    ...(schedule && {
      schedule: {
        at: document.at(schedule),
        ...given('cron', read.text(child(schedule, 'cron'))),
        ...given('zone', read.text(child(schedule, 'zone'))),
        ...given('missed', read.oneOf(child(schedule, 'missed'), ['skip', 'once'])?.value),
        ...given('jitter', read.duration(child(schedule, 'jitter'))?.value),
      },
    }),
    sides: { ...given('source', side('source')), ...given('target', side('target')) },
    compare: fields('compare'),
    totals: fields('totals'),
    ...given('settle', read.duration(child(root, 'settle'))),
    ...given('window', read.duration(child(root, 'window'))),
    ...given('confirm', read.duration(child(root, 'confirm'))),
    ...given('deadline', read.duration(child(root, 'deadline'))),
    ...given('alarmAbove', read.number(child(child(root, 'alarm'), 'above'))?.value),
    ...given('list', read.number(child(root, 'list'))?.value),
    repair: (repair?.kind === 'list' ? repair.items : []).flatMap((item): RepairSpec[] => {
      const pipeline = read.text(child(item, 'pipeline'));
      const start = entry(item, 'start');
      if (!pipeline) return [];
      return [
        {
          at: document.at(item),
          pipeline,
          ...given('entity', read.template(child(item, 'entity'))),
          ...(start && {
            start: {
              at: document.at(start.key),
              ...given('with', read.template(child(start.value, 'with'))),
            },
          }),
        },
      ];
    }),
  };
  const spec: PipelineSpec = {
    document,
    name,
    ...given('version', read.number(child(metadata, 'version'))?.value),
    ...given('description', read.text(child(metadata, 'description'))?.value),
    ...given('owner', readOwner(document, read, child(root, 'owner'))),
    trigger: { kind: 'manual', at: name.at, input: INPUT },
    steps: [],
    unreadSteps: new Set(),
    metrics: [],
    reconciliation,
  };
  return { spec, diagnostics: found };

  function side(which: Side): SideSpec | undefined {
    const node = child(root, which);
    const operation = read.text(child(node, 'read'));
    if (!node || !operation) return undefined;
    return {
      node,
      at: document.at(entry(root, which)?.key ?? node),
      read: operation,
      ...given('with', read.template(child(node, 'with'))),
      ...given('items', read.text(child(node, 'items'))),
      ...given('where', read.expression(child(node, 'where'))),
      ...given('key', named(node, 'key')),
      ...given('id', named(node, 'id')),
      ...given('changedAt', named(node, 'changedAt')),
    };
  }

  function named(node: SpecNode, name: string): Named | undefined {
    const part = entry(node, name);
    const value = part && read.template(part.value);
    return part && value && { key: part.key, value };
  }

  function fields(which: 'compare' | 'totals'): FieldSpec[] {
    const node = child(root, which);
    return (node?.kind === 'map' ? node.entries : []).map(({ key, value }) => {
      const isShort = value.kind === 'scalar';
      const tolerance = isShort ? undefined : child(value, 'tolerance');
      return {
        name: { value: String(key.value), at: document.at(key) },
        key,
        // The short form is read twice: what an expression means depends on its place, and it has two.
        ...given('source', read.template(isShort ? value : child(value, 'source'))),
        ...given('target', read.template(isShort ? value : child(value, 'target'))),
        ...given('tolerance', read.number(tolerance) ?? read.text(tolerance)),
      };
    });
  }
}

/** What a reconciliation knows before it has read anything. */
const MOMENT = { type: 'string', format: 'date-time' } as const;
const INPUT = {
  type: 'object',
  required: ['at', 'from', 'to'],
  additionalProperties: false,
  properties: { at: MOMENT, from: MOMENT, to: MOMENT },
};
