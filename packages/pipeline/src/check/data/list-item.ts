import { ANY, type Type, union } from '@tenon/expression';
import type { ForEachSpec } from '../../spec/pipeline-spec.ts';
import type { SpecExpression } from '../../spec/template.ts';
import { MapOver } from './growing-map.ts';
import { listRead } from './list-read.ts';
import { lookedUp } from './records-type.ts';
import type { NamedSource, Scope } from './scope.ts';

/** The item of a list, as it is called inside of the steps that go through it. */
export interface Item {
  readonly name: string;
  readonly type: Type;
  /** Where it comes from, when that is a contract's data. */
  readonly source?: NamedSource;
}

export function itemOf(
  { as, in: list }: ForEachSpec,
  outer: Scope,
  typeOf: (one: SpecExpression) => Type,
): Item {
  const name = as.value;
  const type = itemTypeOf(list && typeOf(list));
  const read = list && listRead(list.parsed.ast);
  if (!read) return { name, type };
  const names = read.path.map((one) => one.name);
  const isStep = read.root === 'steps';
  const source = outer.sources.get(isStep ? `steps.${names[0]}` : read.root);
  if (!source) return { name, type };
  const path = [...(source.path ?? []), ...(isStep ? names.slice(1) : names), '*'];
  return { name, type, source: { ...source, path } };
}

/** A record that a reconciliation reads: whether the list is there is seen when it is read, page by page. `result`: of the step that reads it. */
export function recordOf(
  { as }: ForEachSpec,
  { step, path }: NonNullable<ForEachSpec['records']>,
  outer: Scope,
  result: Type | undefined,
): Item {
  const source = outer.sources.get(`steps.${step}`);
  const list = path.reduce((type: Type | undefined, field) => type && lookedUp(type, field), result);
  return {
    name: as.value,
    type: itemTypeOf(list),
    ...(source && { source: { ...source, path: [...path, '*'] } }),
  };
}

function itemTypeOf(list: Type | undefined): Type {
  return list?.kind === 'list' ? union([list.item(), ...list.first.map((one) => one())]) : ANY;
}

/** Their types, by name. */
export function itemTypes(items: readonly Item[]): Record<string, Type> {
  return Object.fromEntries(items.map(({ name, type }) => [name, type]));
}

export function withItems(
  sources: ReadonlyMap<string, NamedSource>,
  items: readonly Item[],
): ReadonlyMap<string, NamedSource> {
  if (items.length === 0) return sources;
  const named = items.flatMap(({ name, source }) => (source ? [[name, source] as const] : []));
  return named.length === 0 ? sources : new MapOver(new Map(named), sources);
}
