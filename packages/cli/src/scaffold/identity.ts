import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import { fromPointer } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { CHANGED, type Fields, NAME, namesOf, resolved, shapeOf } from './schema-fields.ts';

export interface Identity {
  readonly key: string;
  readonly retain: string;
  readonly orderBy?: string;
  readonly version?: string;
}

/** An identity to begin with, and what its key was taken from: a sentence for the author who is to look at it. */
export interface ScaffoldedIdentity {
  readonly identity: Identity;
  readonly because: string;
}

interface IdentityFacts {
  readonly contract: Contract;
  readonly event: EventDefinition;
  /** Those that speak the contract. */
  readonly manifests: readonly ConnectorManifest[];
}

/**
 * By what a pipeline knows a business event again. A key that is too wide makes an effect twice, and one that is too narrow
 * lets a second change of the same thing start nothing; so it is taken only where contract and connector tell it, and
 * anything else is left to the author as `TODO: …`, which `tenon check` refuses. The id of an event or delivery is never
 * taken: a business event that is told of twice has two.
 */
export function scaffoldIdentity({ contract, event, manifests }: IdentityFacts): ScaffoldedIdentity {
  const { definitions } = contract;
  const payload: Payload = { schema: event.message.payload, definitions };
  const shape = shapeOf(payload.schema, definitions);
  const has = `\`${event.id}\` has ${namesOf(shape.fields)}`;
  const source = manifests.flatMap(({ sources }) => ownOf(sources, event.id) ?? [])[0];
  if (source?.poll) {
    const { key, cursor, operation } = source.poll;
    return key === cursor.from
      ? once(payload, key, has, `the poll of \`${operation}\` goes by it, so an item comes once`)
      : changing(payload, key, cursor.from, has, {
          because: `an item of \`${operation}\` comes again with each new value of what the poll goes by`,
        });
  }
  if (source?.schedule && shape.required.has('at'))
    return once(payload, '/at', has, 'each moment of the schedule once');
  const entity = entityOf(event.id, shape.fields);
  if (entity === undefined)
    return left(has, 'nothing in the contract says which field names what this event is about');
  if (ONCE.test(event.id))
    return once(payload, `/${entity}`, has, `by its name, this happens to each \`${entity}\` once`);
  const order = manifests.flatMap(({ webhooks }) => ownOf(webhooks, event.id)?.order ?? [])[0];
  const version = order ?? versionOf(shape.fields);
  if (version === undefined)
    return left(
      has,
      `this may happen to one \`${entity}\` again, and no version or time of change in the event tells one from the next`,
    );
  return changing(payload, `/${entity}`, version, has, {
    because: `this may happen to one \`${entity}\` again, each time with another \`${version.slice(1)}\``,
    isOrdered: order !== undefined,
  });
}

interface Payload {
  readonly schema: JsonSchema;
  readonly definitions: Contract['definitions'];
}

function ownOf<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function once(payload: Payload, key: string, has: string, because: string): ScaffoldedIdentity {
  const read = readOf(key, payload);
  if ('problem' in read) return left(has, read.problem);
  return { identity: { key: `\${ ${read.expression} }`, retain: '30d' }, because };
}

function changing(
  payload: Payload,
  entity: string,
  version: string,
  has: string,
  { because, isOrdered = false }: { readonly because: string; readonly isOrdered?: boolean },
): ScaffoldedIdentity {
  const of = readOf(entity, payload);
  if ('problem' in of) return left(has, of.problem);
  const at = readOf(version, payload);
  if ('problem' in at) return left(has, at.problem);
  return {
    identity: {
      key: `\${ ${of.expression} }:\${ ${at.expression} }`,
      retain: '30d',
      orderBy: `\${ ${of.expression} }`,
      ...(isOrdered && { version: `\${ ${at.expression} }` }),
    },
    because,
  };
}

function left(has: string, because: string): ScaffoldedIdentity {
  const key = `TODO: what is the same whenever one business event is told of, and another for the next; ${has}`;
  return { identity: { key, retain: '30d' }, because };
}

/** A place of the payload as an expression, or why it cannot be read just so. */
function readOf(
  pointer: string,
  { schema, definitions }: Payload,
): { readonly expression: string } | { readonly problem: string } {
  const members = fromPointer(pointer);
  const path = members.join('.');
  let at = schema;
  for (const member of members) {
    const { fields, required } = shapeOf(at, definitions);
    const found = ownOf(fields, member);
    if (found === undefined || !NAME.test(member))
      return { problem: `\`${path}\` of the event cannot be read by its name` };
    const type = resolved(found, definitions)?.type;
    if (!required.has(member) || (Array.isArray(type) && type.includes('null')))
      return { problem: `\`${path}\` of the event may be absent, and all events without it would be one` };
    at = found;
  }
  return { expression: ['event', ...members].join('.') };
}

/** What happens to a thing once by its meaning: told of again, it is the same event. */
const ONCE =
  /(?:created|placed|registered|onboarded|paid|shipped|delivered|issued|received|cancell?ed|deleted)$/i;

/** The id of what an event is about: `orderId` of `orderPaid`, `order_id` of `order.paid`; else the `id` of a record. */
function entityOf(event: string, fields: Fields): string | undefined {
  const told = bare(event);
  const ids = Object.keys(fields).flatMap((field) => {
    const entity = /^(.+?)_?id$/i.exec(field)?.[1];
    return entity === undefined || DELIVERY.test(field) ? [] : [{ field, entity: bare(entity) }];
  });
  const named = ids
    .filter(({ entity }) => told.startsWith(entity))
    .toSorted((a, b) => b.entity.length - a.entity.length)[0];
  if (named) return named.field;
  const id = ownOf(fields, 'id');
  if (id === undefined) return ids.length === 1 ? ids[0]!.field : undefined;
  const said = isSchemaObject(id) ? (id.description ?? '') : '';
  const isOfEvent =
    Object.keys(fields).some((field) => OF_EVENT.test(field)) ||
    /\b(?:event|delivery|message|notification)\b/i.test(said);
  return isOfEvent ? undefined : 'id';
}

/** Ids that are another one each time something is told of. */
const DELIVERY = /^(?:event|delivery|message|notification|webhook|request|trace|correlation)_?id$/i;

/** Members of what tells of a thing, rather than of the thing: an `id` beside them is most likely the event's own. */
const OF_EVENT =
  /^(?:event(?:_?(?:id|type|name))?|delivery_?id|data|payload|occurred_?(?:at|on)|timestamp|sent_?at)$/i;

const VERSION = /^(?:version|revision|rev|etag|sequence(?:_?number)?)$/i;
const OCCURRED = /^(?:occurred|happened)_?(?:at|on)$/i;

/** A pointer to what is another value after each change, the surest first. */
function versionOf(fields: Fields): string | undefined {
  const names = Object.keys(fields);
  const found = [VERSION, CHANGED, OCCURRED]
    .map((pattern) => names.find((name) => pattern.test(name)))
    .find((name) => name !== undefined);
  return found === undefined ? undefined : `/${found}`;
}

function bare(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase();
}
