import { parseExpression, references } from '@tenon/expression';
import { fromPointer, type Location } from '@tenon/model';
import type { ForEachSpec, Located, PipelineSpec, StepSpec } from '../../spec/pipeline-spec.ts';
import {
  type FieldSpec,
  type Named,
  type RepairSpec,
  SIDES,
  type Side,
  type SideSpec,
} from '../../spec/reconciliation-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { Catalog } from '../catalog.ts';

/** Steps that stand for the parts of a reconciliation. */
export const recordsOf = (side: Side): string => `${side}Records`;
export const entityOf = (index: number): string => `entity${index}`;
export const startOf = (index: number): string => `start${index}`;
/** Members of the value that stands for a record. */
export const comparedAs = (index: number): string => `compare${index}`;
export const totalledAs = (index: number): string => `total${index}`;

/**
 * A reconciliation as the steps of a pipeline: each side is a call, and a list of what it answers with; what is
 * made of a record is the result of an item; what a repair starts is a `run`. So names, types, requests, classes,
 * grants and usage are those of pipelines, checked by the same code, at the places where the author wrote them.
 */
export function withReconciliationSteps(spec: PipelineSpec, catalog: Catalog): PipelineSpec {
  const { reconciliation } = spec;
  if (!reconciliation) return spec;
  const steps: StepSpec[] = [];
  for (const side of SIDES) {
    const written = reconciliation.sides[side];
    if (!written) continue;
    steps.push({
      id: named(side, written.at),
      at: written.at,
      kind: 'call',
      call: written.read,
      ...(written.with && { with: written.with }),
    });
    steps.push(recordsStep(spec, side, written, catalog));
  }
  steps.push(...entitySteps(spec));
  return { ...spec, steps };
}

function recordsStep(
  { reconciliation }: PipelineSpec,
  side: Side,
  written: SideSpec,
  catalog: Catalog,
): ForEachSpec {
  const { repair = [], compare = [], totals = [] } = reconciliation ?? {};
  const members: (readonly [string, Named | undefined])[] = [
    ['key', written.key],
    ['id', written.id],
    ['changedAt', written.changedAt],
    ...compare.map((field, index) => [comparedAs(index), sideOf(field, side)] as const),
    ...totals.map((field, index) => [totalledAs(index), sideOf(field, side)] as const),
  ];
  return {
    id: named(recordsOf(side), written.at),
    at: written.at,
    kind: 'forEach',
    forEach: written.at,
    records: { step: side, path: fromPointer(itemsPointer(written, catalog)) },
    as: named('record', written.at),
    ...(written.where && {
      check: { that: [{ condition: written.where, message: 'left out' }], otherwise: 'split' as const },
    }),
    // Only what is missing is started, and what is missing is a record of the source.
    steps: side === 'target' ? [] : repair.flatMap(repairSteps),
    result: {
      kind: 'object',
      node: written.node,
      entries: members.flatMap(([name, part]) => (part ? [{ key: part.key, name, value: part.value }] : [])),
    },
  };
}

function repairSteps({ pipeline, entity, start, at }: RepairSpec, index: number): StepSpec[] {
  return [
    ...(entity && isOfRecord(entity) ? [entityStep(entity, at, index)] : []),
    ...(start
      ? [
          {
            id: named(startOf(index), start.at),
            at: start.at,
            kind: 'run' as const,
            pipeline,
            ...(start.with && { with: start.with }),
          },
        ]
      : []),
  ];
}

function entityStep(value: Template, at: Location, index: number): StepSpec {
  return { id: named(entityOf(index), at), at, kind: 'set', value };
}

/** Is it made of the source's record, or of the key alone? */
export function isOfRecord(entity: Template): boolean {
  return [...expressionsOf(entity)].some(({ parsed }) =>
    references(parsed.ast).some(({ root }) => root === 'record'),
  );
}

function sideOf(field: FieldSpec, side: Side): Named | undefined {
  const value = field[side];
  return value && { key: field.key, value };
}

/** Where the records are in an answer: as the spec says, else as the connector does. */
export function itemsPointer({ items, read }: SideSpec, catalog: Catalog): string {
  if (items) return items.value;
  const found = catalog.call(read);
  return ('value' in found ? found.value.plan.pagination?.items : undefined) ?? '';
}

/** What of a key is asked for in the pipelines that carry it; `key` is any text there. */
function entitySteps({ reconciliation }: PipelineSpec): StepSpec[] {
  const entities = (reconciliation?.repair ?? []).flatMap(({ entity, at }, index): StepSpec[] =>
    entity && !isOfRecord(entity) ? [entityStep(entity, at, index)] : [],
  );
  const at = reconciliation?.at;
  if (entities.length === 0 || !at) return [];
  return [
    {
      id: named('entities', at),
      at,
      kind: 'forEach',
      forEach: at,
      in: anyTexts(at),
      as: named('key', at),
      steps: entities,
    },
  ];
}

/** A list of texts of which nothing is known. */
function anyTexts(at: Location): SpecExpression {
  const source = "['', ' '].map(one, one + one)";
  return { source, parsed: parseExpression(source), at, locate: () => at };
}

function named(value: string, at: Location): Located<string> {
  return { value, at };
}
