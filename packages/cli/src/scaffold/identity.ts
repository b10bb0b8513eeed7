import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import { fromPointer } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { CHANGED, type Fields, NAME, namesOf, propertiesOf, resolved, shapeOf } from './schema-fields.ts';

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
  const about = aboutOf(event.id, shape.fields, definitions);
  if (about === undefined)
    return left(has, 'nothing in the contract says which field names what this event is about');
  const { entity, thing, verb, others } = about;
  if (verb === undefined)
    return left(
      has,
      `its name does not say one thing that happens to each \`${entity}\`, so one key may be of several events`,
    );
  if (others.length > 0 && !OF_ITSELF.has(verb) && !isMadeBy(verb, thing)) {
    const listed = others.map((field) => `\`${field}\``).join(', ');
    return left(has, `this may happen to one \`${entity}\` again, with another ${listed}`);
  }
  if (ONCE.has(verb))
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

/**
 * What happens to a thing once by its meaning: told of again, it is the same event. Whole words: not `unpaid`, not `reissued`; and
 * nothing that comes in parts, as what is shipped, delivered or received.
 */
const ONCE = new Set([
  'created',
  'placed',
  'registered',
  'onboarded',
  'paid',
  'issued',
  'canceled',
  'cancelled',
  'deleted',
]);

/** What happens to the thing itself, whatever else the event names. */
const OF_ITSELF = new Set(['created', 'updated', 'changed', 'modified']);

/**
 * Deeds and papers that begin with this, and are of what the event names beside them: a refund is issued once, whatever it is for. Not
 * of every thing: a coupon, a card or a book is issued to one customer after another.
 */
const MADE_BY: Readonly<Record<string, ReadonlySet<string>>> = {
  issued: new Set(['refund', 'invoice', 'creditnote', 'receipt', 'payout']),
  placed: new Set(['order', 'bid']),
};

function isMadeBy(verb: string, thing: string): boolean {
  return ownOf(MADE_BY, verb)?.has(thing) ?? false;
}

interface About {
  /** The field that names the thing. */
  readonly entity: string;
  /** The thing, in the words of the event's name. */
  readonly thing: string;
  /** What happens to it; absent where the event's name is not just the thing and that. */
  readonly verb: string | undefined;
  /** Fields that name something else, of which one thing may have several: the shipments of an order. */
  readonly others: readonly string[];
}

/** The id of what an event is about: `orderId` of `orderPaid`, `order_id` of `order.paid`; else the `id` of a record. */
function aboutOf(event: string, fields: Fields, definitions: Contract['definitions']): About | undefined {
  const words = wordsOf(event);
  const named = Object.keys(fields)
    .filter((field) => ID.test(field) && !DELIVERY.test(field) && isIdentifier(fields[field], definitions))
    .map((field) => ({ field, length: lengthOf(wordsOf(field).slice(0, -1).join(''), words) }))
    .filter(({ length }) => length > 0)
    .toSorted((a, b) => b.length - a.length)[0];
  const isIdOfEvent = saysEvent(fields);
  const entity =
    named?.field ?? (isIdentifier(ownOf(fields, 'id'), definitions) && !isIdOfEvent ? 'id' : undefined);
  if (entity === undefined) return undefined;
  const length = named?.length ?? 1;
  const rest = words.slice(length).filter((word) => !STATES.has(word));
  return {
    entity,
    thing: words.slice(0, length).join(''),
    verb: rest.length === 1 ? rest[0] : undefined,
    others: Object.keys(fields).filter((field) => {
      if (field === entity || DELIVERY.test(field) || (field === 'id' && isIdOfEvent)) return false;
      return field === 'id' || NAMING.test(field) || hasId(fields[field]!, definitions);
    }),
  };
}

/** `paid` and `valid` end so too, and are no ids. */
const ID = /[-_](?:id|ID|Id)$|[a-z0-9]I[dD]$/;

/** What tells one thing from the next: ids, and what people call it by. */
const NAMING =
  /[-_](?:id|ID|uuid|UUID|number|NUMBER|reference|REFERENCE)$|[a-z0-9](?:I[dD]|U[uU][iI][dD]|Number|Reference)$/;

/** `orderStatusChanged` speaks of the order. */
const STATES = new Set(['status', 'state']);

function isIdentifier(schema: JsonSchema | undefined, definitions: Contract['definitions']): boolean {
  const types = [resolved(schema, definitions)?.type ?? []].flat().filter((type) => type !== 'null');
  return types.length > 0 && types.every((type) => type === 'string' || type === 'integer');
}

/** Of a thing told of inside: `shipment: { id }`. */
function hasId(schema: JsonSchema, definitions: Contract['definitions']): boolean {
  return Object.keys(propertiesOf(schema, definitions)).some((field) => field === 'id' || ID.test(field));
}

/** How many of an event's first words say `entity`; none: 0. */
function lengthOf(entity: string, words: readonly string[]): number {
  return words.findIndex((_, at) => words.slice(0, at + 1).join('') === entity) + 1;
}

/** `orderPaid`, `order.paid` and `ORDER_PAID` are two words. */
function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

/** Is `id` beside these the event's own, rather than the thing's? */
function saysEvent(fields: Fields): boolean {
  const id = ownOf(fields, 'id');
  const said = isSchemaObject(id) ? (id.description ?? '') : '';
  return (
    Object.keys(fields).some((field) => OF_EVENT.test(field)) ||
    /\b(?:event|delivery|message|notification)\b/i.test(said)
  );
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
