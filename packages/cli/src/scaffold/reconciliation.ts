import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, Operation } from '@tenon/contract';
import { fromPointer } from '@tenon/model';
import { planOperation } from '@tenon/pipeline';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { Document } from 'yaml';
import { commentAbove } from './comment-above.ts';
import {
  CHANGED,
  type Fields,
  NAME,
  namesOf,
  type ObjectShape,
  propertiesOf,
  resolved,
  shapeOf,
  toBeGiven,
} from './schema-fields.ts';

/** A listing of one of the two systems. */
export interface ListedSide {
  /** `<connection>.<operation>`. */
  readonly read: string;
  readonly operation: Operation;
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
}

export interface ReconciliationFacts {
  readonly name: string;
  readonly owner: string;
  readonly backup: string;
  readonly source: ListedSide;
  readonly target: ListedSide;
  /** Pipelines that carry the records. */
  readonly repair: readonly string[];
}

/** A field of the same name in both that is not compared, and why. */
export interface LeftOut {
  readonly field: string;
  readonly why: string;
}

/**
 * A reconciliation whose parts are all there. By which text a record is known in both systems only its author can say, so
 * that stands as `TODO: …`, with what the records have, and `tenon check` refuses it: by a wrong key everything is
 * missing on one side and extra on the other.
 */
export function scaffoldReconciliation({
  name,
  owner,
  backup,
  source,
  target,
  repair,
}: ReconciliationFacts): { readonly text: string; readonly leftOut: readonly LeftOut[] } {
  const records = { source: recordOf(source), target: recordOf(target) };
  const changed = { source: changedIn(records.source.fields), target: changedIn(records.target.fields) };
  const { compare, leftOut } = sharedValues(records.source.fields, records.target.fields);
  const side = (which: 'source' | 'target', listed: ListedSide) => {
    const given = requiredOf(listed);
    const own = records[which];
    return {
      read: listed.read,
      ...(Object.keys(given).length > 0 && { with: given }),
      key: `TODO: a text of the record that is the same in both systems; a record has ${namesOf(own.fields)}`,
      ...(own.required.has('id') && { id: '${ record.id }' }),
      ...(changed[which] !== undefined && { changedAt: readOf(changed[which], own) }),
    };
  };
  const spec = {
    apiVersion: 'tenon/v1',
    kind: 'Reconciliation',
    metadata: { name, version: 1, description: 'TODO: what must agree, in one sentence' },
    owner: { team: owner, backup, escalation: `mail:${owner}`, respond: '30m', recover: '8h' },
    source: side('source', source),
    target: side('target', target),
    ...(compare.length > 0 && {
      compare: Object.fromEntries(
        compare.map((field) => {
          const [inSource, inTarget] = [readOf(field, records.source), readOf(field, records.target)];
          return [field, inSource === inTarget ? inSource : { source: inSource, target: inTarget }];
        }),
      ),
    }),
    // Without a time of change on either side it would hold nothing back.
    ...((changed.source ?? changed.target) !== undefined && { settle: '15m' }),
    ...(repair.length > 0 && { repair: repair.map((pipeline) => ({ pipeline })) }),
  };
  const document = new Document(spec);
  document.commentBefore = ' yaml-language-server: $schema=../generated/schema/reconciliation.schema.json';
  const said = leftOut.map(({ field, why }) => `\`${field}\` (${why})`).join('; ');
  if (leftOut.length > 0 && compare.length > 0)
    commentAbove(document, ['compare'], `both have these too, and they are not compared: ${said}`);
  else if (leftOut.length > 0)
    document.comment = ` Nothing is compared but that the records are there. Both have these: ${said}.`;
  return { text: document.toString({ lineWidth: 110 }), leftOut };
}

/** A field where it is, and null where it may be left out. */
function readOf(field: string, { required }: ObjectShape): string {
  return required.has(field) ? `\${ record.${field} }` : `\${ default(record.${field}, null) }`;
}

/** What the answer says of its records. */
function recordOf({ operation, manifest, contract }: ListedSide): ObjectShape {
  const plan = planOperation(contract, manifest, operation.id);
  const result: JsonSchema = plan?.result ?? true;
  const definitions = isSchemaObject(result) ? (result.$defs ?? {}) : {};
  const { pagination } = plan ?? {};
  const pointer = pagination && 'items' in pagination ? pagination.items : undefined;
  const list = fromPointer(pointer ?? '').reduce(
    (schema: JsonSchema | undefined, member) =>
      schema === undefined ? undefined : propertiesOf(schema, definitions)[member],
    result,
  );
  const record = resolved(list, definitions)?.items ?? true;
  const { fields, required } = shapeOf(record, definitions);
  const own = Object.entries(fields).map(([name, schema]) => [name, resolved(schema, definitions) ?? schema]);
  return { fields: Object.fromEntries(own), required };
}

/** Inputs that are needed; those that turn the pages are filled in. */
function requiredOf({ operation, manifest, contract }: ListedSide): Readonly<Record<string, unknown>> {
  const plan = planOperation(contract, manifest, operation.id);
  const input = isSchemaObject(plan?.input) ? plan.input : undefined;
  const { pagination } = plan ?? {};
  const turning = new Set<unknown>(pagination === undefined ? [] : Object.values(pagination));
  const wanted = (input?.required ?? []).filter((field) => !turning.has(field));
  return Object.fromEntries(
    wanted.map((field) => [field, toBeGiven(field, input?.properties?.[field] ?? true)]),
  );
}

function changedIn(fields: Fields): string | undefined {
  return Object.keys(fields).find((field) => NAME.test(field) && CHANGED.test(field));
}

/** Single values of the same name and type; ids are each system's own, and when it wrote something is too. */
function sharedValues(
  source: Fields,
  target: Fields,
): { readonly compare: readonly string[]; readonly leftOut: readonly LeftOut[] } {
  const compare: string[] = [];
  const leftOut: LeftOut[] = [];
  for (const field of Object.keys(source)) {
    if (field === 'id' || !Object.hasOwn(target, field)) continue;
    const why = whyNot(field, source[field]!, target[field]!);
    if (why === undefined) compare.push(field);
    else leftOut.push({ field, why });
  }
  return { compare, leftOut };
}

/** Why a field that both have cannot be compared as it is. */
function whyNot(field: string, source: JsonSchema, target: JsonSchema): string | undefined {
  if (isMoment(field, source) || isMoment(field, target)) return 'a moment, and each system has its own';
  if (!NAME.test(field)) return 'its name is none that an expression reads';
  const [a, b] = [typeOf(source), typeOf(target)];
  if (a !== undefined && a === b) return undefined;
  const [inSource, inTarget] = [a ?? kindOf(source), b ?? kindOf(target)];
  return inSource === inTarget ? inSource : `${inSource} in the source, ${inTarget} in the target`;
}

/** What has no single value, for people. */
function kindOf(schema: JsonSchema): string {
  const type = isSchemaObject(schema) ? schema.type : undefined;
  return type === 'array' ? 'a list' : type === 'object' ? 'an object' : 'of no one type';
}

/** `createdAt`, `paid_on`; not `location` or `format`. */
function isMoment(field: string, schema: JsonSchema): boolean {
  return (
    /(?:[a-z\d](?:At|On)|_(?:at|on))$/.test(field) ||
    (isSchemaObject(schema) && schema.format === 'date-time')
  );
}

function typeOf(schema: JsonSchema): string | undefined {
  const { type, enum: values }: SchemaObject = isSchemaObject(schema) ? schema : {};
  const [only, ...more] = [...new Set([type ?? (values ?? []).map((value) => typeof value)].flat())].filter(
    (one) => one !== 'null',
  );
  if (only === undefined || more.length > 0) return undefined;
  return only === 'integer' ? 'number' : ['string', 'number', 'boolean'].includes(only) ? only : undefined;
}
