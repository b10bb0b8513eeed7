/**
 * What is known of a value before it is there. Types are made from JSON Schema, whose recursion is why fields and items
 * are asked for when they are needed. `optional` is a value that may be absent; it never stands inside another type.
 */
export type Type =
  | AnyType
  | { readonly kind: 'never' }
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly values?: readonly boolean[] }
  | { readonly kind: 'number'; readonly isInteger: boolean; readonly values?: readonly number[] }
  | { readonly kind: 'string'; readonly values?: readonly string[]; readonly format?: TextFormat }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'duration' }
  | ListType
  | ObjectType
  | { readonly kind: 'union'; readonly members: readonly Type[] }
  | { readonly kind: 'optional'; readonly value: Type };

/** Formats of text of which no text has two. */
const TEXT_FORMATS = ['date-time', 'date', 'time', 'duration', 'uuid', 'email', 'ipv4'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

export function textOfFormat(format: unknown): Type {
  const known = TEXT_FORMATS.find((one) => one === format);
  return known ? { kind: 'string', format: known } : STRING;
}

/** Nothing is known, and nothing is said against any use. `reason` says why, for hover. */
export interface AnyType {
  readonly kind: 'any';
  readonly reason?: string;
}

export interface ListType {
  readonly kind: 'list';
  readonly item: () => Type;
  /** Types of the first items, where each has its own. */
  readonly first: readonly (() => Type)[];
  /** Items that are there for certain. */
  readonly itemsMin: number;
}

export interface ObjectType {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, Field>;
  /** Type of a field that is not among `fields`; absent where there is no such field. */
  readonly rest?: (name: string) => Type | undefined;
  /** A mere condition on an object (`required: [a]`), which does not say what its fields are. */
  readonly isPartial: boolean;
  /** May a value hold fields that are not listed? A sender may add some; a receiver may refuse them. */
  readonly isClosed: boolean;
  readonly title?: string;
}

export interface Field {
  readonly type: () => Type;
  readonly required: boolean;
  readonly description?: string;
  readonly deprecated?: boolean;
}

export const ANY: AnyType = { kind: 'any' };
export const NEVER: Type = { kind: 'never' };
export const NULL: Type = { kind: 'null' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const STRING: Type = { kind: 'string' };
export const NUMBER: Type = { kind: 'number', isInteger: false };
export const INTEGER: Type = { kind: 'number', isInteger: true };
export const TIMESTAMP: Type = { kind: 'timestamp' };
export const DURATION: Type = { kind: 'duration' };

/** Alternatives that are followed, at most; more become `any`. */
const MEMBERS_MAX = 100;

export function anyBecause(reason: string): Type {
  return { kind: 'any', reason };
}

export function listOf(item: Type, itemsMin = 0): Type {
  return { kind: 'list', item: () => item, first: [], itemsMin };
}

export function literalType(value: null | boolean | number | string): Type {
  if (value === null) return NULL;
  if (typeof value === 'string') return { kind: 'string', values: [value] };
  if (typeof value === 'boolean') return { kind: 'boolean', values: [value] };
  return { kind: 'number', isInteger: Number.isInteger(value), values: [value] };
}

export function objectOf(
  fields: Readonly<Record<string, Type>>,
  optional: readonly string[] = [],
): ObjectType {
  return {
    kind: 'object',
    fields: new Map(
      Object.entries(fields).map(([name, type]) => [
        name,
        { type: () => type, required: !optional.includes(name) },
      ]),
    ),
    isPartial: false,
    isClosed: true,
  };
}

export function optionalOf(type: Type): Type {
  return type.kind === 'optional' || type.kind === 'any' ? type : { kind: 'optional', value: type };
}

/** The type of a value that is there: an optional's value, anything else itself. */
export function presentOf(type: Type): Type {
  return type.kind === 'optional' ? type.value : type;
}

export function membersOf(type: Type): readonly Type[] {
  if (type.kind === 'union') return type.members;
  return type.kind === 'never' ? [] : [type];
}

/** Any one of the types: flat, without repeats, scalars of a kind merged. */
export function union(types: readonly Type[]): Type {
  const [only] = types;
  // Almost every field is looked up in a value of one type, which is flat already.
  if (only && types.length === 1) return only;
  if (types.some((type) => type.kind === 'optional')) return optionalOf(union(types.map(presentOf)));
  const any = types.find((type) => type.kind === 'any');
  if (any) return any;
  const members: Type[] = [];
  for (const type of types)
    for (const member of membersOf(type)) {
      addMember(members, member);
      if (members.length > MEMBERS_MAX) return anyBecause(`it has more than ${MEMBERS_MAX} variants`);
    }
  if (members.length === 0) return NEVER;
  return members.length === 1 ? members[0]! : { kind: 'union', members };
}

function addMember(members: Type[], member: Type): void {
  const index = members.findIndex(
    (other) => other === member || (other.kind === member.kind && isScalar(other)),
  );
  if (index < 0) members.push(member);
  else members[index] = mergeScalars(members[index]!, member);
}

function isScalar(type: Type): boolean {
  return type.kind !== 'object' && type.kind !== 'list';
}

function mergeScalars(a: Type, b: Type): Type {
  if (a.kind === 'number' && b.kind === 'number') {
    const isInteger = a.isInteger && b.isInteger;
    return a.values && b.values
      ? { kind: 'number', isInteger, values: unique(a.values, b.values) }
      : { kind: 'number', isInteger };
  }
  if (a.kind === 'string' && b.kind === 'string')
    return a.values && b.values
      ? { kind: 'string', values: unique(a.values, b.values) }
      : textOfFormat(a.format === b.format ? a.format : undefined);
  if (a.kind === 'boolean' && b.kind === 'boolean') {
    const values = a.values && b.values ? unique(a.values, b.values) : undefined;
    return values?.length === 1 ? { kind: 'boolean', values } : BOOLEAN;
  }
  return a;
}

function unique<T>(a: readonly T[], b: readonly T[]): readonly T[] {
  return [...new Set([...a, ...b])];
}

/** Values that are of both types; fields and items are intersected when they are asked for. */
export function intersect(a: Type, b: Type): Type {
  if (a.kind === 'any') return b;
  if (b.kind === 'any' || a === b) return a;
  if (a.kind === 'union' || b.kind === 'union' || a.kind === 'never' || b.kind === 'never')
    return union(membersOf(a).flatMap((left) => membersOf(b).map((right) => intersect(left, right))));
  if (a.kind === 'object' && b.kind === 'object') return intersectObjects(a, b);
  if (a.kind === 'list' && b.kind === 'list') {
    const length = Math.max(a.first.length, b.first.length);
    return {
      kind: 'list',
      item: once(() => intersect(a.item(), b.item())),
      first: Array.from({ length }, (_, i) => once(() => intersect(itemAt(a, i), itemAt(b, i)))),
      itemsMin: Math.max(a.itemsMin, b.itemsMin),
    };
  }
  return a.kind === b.kind ? intersectScalars(a, b) : NEVER;
}

export function itemAt(list: ListType, index: number): Type {
  return (list.first[index] ?? list.item)();
}

function intersectScalars(a: Type, b: Type): Type {
  if (a.kind === 'number' && b.kind === 'number') {
    const isInteger = a.isInteger || b.isInteger;
    const values = common(a.values, b.values)?.filter((value) => !isInteger || Number.isInteger(value));
    if (values) return values.length === 0 ? NEVER : { kind: 'number', isInteger, values };
    return { kind: 'number', isInteger };
  }
  if (a.kind === 'string' && b.kind === 'string') {
    const values = common(a.values, b.values);
    if (values !== undefined) return values.length === 0 ? NEVER : { kind: 'string', values };
    // Text of two formats there is none; saying less is safe.
    return textOfFormat(a.format && b.format && a.format !== b.format ? undefined : (a.format ?? b.format));
  }
  if (a.kind === 'boolean' && b.kind === 'boolean') {
    const values = common(a.values, b.values);
    return values === undefined ? BOOLEAN : values.length === 0 ? NEVER : { kind: 'boolean', values };
  }
  return a;
}

function common<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] | undefined {
  return a && b ? a.filter((value) => b.includes(value)) : (a ?? b);
}

function intersectObjects(a: ObjectType, b: ObjectType): Type {
  const fields = new Map<string, Field>();
  for (const name of [...a.fields.keys(), ...b.fields.keys()]) {
    if (fields.has(name)) continue;
    const [left, right] = [a.fields.get(name), b.fields.get(name)];
    const type = once(() =>
      intersect(left?.type() ?? a.rest?.(name) ?? ANY, right?.type() ?? b.rest?.(name) ?? ANY),
    );
    const described = left?.description ?? right?.description;
    fields.set(name, {
      type,
      required: left?.required === true || right?.required === true,
      ...(described !== undefined && { description: described }),
    });
    // A field that both declare and that can hold nothing makes the two exclusive: that is what discriminators do.
    if (left?.required && right?.required && isExclusive(left.type(), right.type())) return NEVER;
  }
  const rest = a.rest && b.rest ? both(a.rest, b.rest) : (a.rest ?? b.rest);
  const title = a.title ?? b.title;
  return {
    kind: 'object',
    fields,
    ...(rest && { rest }),
    isPartial: a.isPartial && b.isPartial,
    isClosed: a.isClosed || b.isClosed,
    ...(title !== undefined && { title }),
  };
}

function both(
  a: NonNullable<ObjectType['rest']>,
  b: NonNullable<ObjectType['rest']>,
): NonNullable<ObjectType['rest']> {
  return (name) => {
    const [left, right] = [a(name), b(name)];
    return left && right ? intersect(left, right) : (left ?? right);
  };
}

/** Only finite scalars are looked at: anything else would have to be expanded, perhaps without end. */
function isExclusive(a: Type, b: Type): boolean {
  return isFinite_(a) && isFinite_(b) && intersect(a, b).kind === 'never';
}

function isFinite_(type: Type): boolean {
  return (
    (type.kind === 'string' || type.kind === 'number' || type.kind === 'boolean') && type.values !== undefined
  );
}

/** Computes once, when first asked. */
export function once<T>(compute: () => T): () => T {
  let value: T | undefined;
  let isKnown = false;
  return () => {
    if (!isKnown) {
      value = compute();
      isKnown = true;
    }
    return value as T;
  };
}

export function isNullable(type: Type): boolean {
  return membersOf(presentOf(type)).some((member) => member.kind === 'null');
}

export function withoutNull(type: Type): Type {
  if (type.kind === 'optional') return optionalOf(withoutNull(type.value));
  return type.kind === 'union' || type.kind === 'null'
    ? union(membersOf(type).filter((member) => member.kind !== 'null'))
    : type;
}

/** Literal values that a type is limited to, where it is. */
export function finiteValues(type: Type): readonly (null | boolean | number | string)[] | undefined {
  const values: (null | boolean | number | string)[] = [];
  for (const member of membersOf(type)) {
    if (member.kind === 'null') values.push(null);
    else if (
      (member.kind === 'string' || member.kind === 'number' || member.kind === 'boolean') &&
      member.values
    )
      values.push(...member.values);
    else return undefined;
  }
  return values;
}

/** Can a value be of both types? Objects and lists are taken to overlap, unless finite required fields exclude it. */
export function overlaps(a: Type, b: Type): boolean {
  return intersect(presentOf(a), presentOf(b)).kind !== 'never';
}
