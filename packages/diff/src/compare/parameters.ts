import type { HttpOperation, Parameter } from '@tenon/contract';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import type { Contracts } from './contracts.ts';
import { removalChange, sunsetChange } from './lifecycle.ts';
import type { Sink } from './positions.ts';
import { wireForms } from './wire.ts';

/** Parameters by place and name; those of the path by where they stand in it, because their names never travel. */
export function compareParameters(
  before: HttpOperation,
  after: HttpOperation,
  contracts: Contracts,
  sink: Sink,
): void {
  const keys = [keysOf(before), keysOf(after)] as const;
  const left = new Map(after.parameters.map((parameter) => [keys[1](parameter), parameter]));
  const gone: Parameter[] = [];
  for (const parameter of before.parameters) {
    const key = keys[0](parameter);
    const other = left.get(key);
    if (!other) {
      gone.push(parameter);
      continue;
    }
    left.delete(key);
    compareParameter(parameter, other, before.id, contracts, sink);
  }
  for (const parameter of gone) {
    const moved = [...left].find(([, other]) => other.name === parameter.name);
    if (moved) left.delete(moved[0]);
    sink.change({
      rule: moved ? 'parameter-moved' : 'parameter-removed',
      direction: 'request',
      operation: before.id,
      base: parameter,
      revision: moved ? moved[1] : after,
      message: moved
        ? `parameter \`${parameter.name}\` travels in ${moved[1].in}, was in ${parameter.in}`
        : `${parameter.in} parameter \`${parameter.name}\` is gone`,
      usedAs: { target: 'request', path: [parameter.name] },
    });
    const early = moved ? undefined : removalChange(parameter, contracts.now);
    if (early)
      sink.change({
        rule: early.rule,
        direction: 'none',
        operation: before.id,
        base: parameter,
        revision: after,
        message: `${parameter.in} parameter \`${parameter.name}\` is ${early.message}`,
        usedAs: { target: 'request', path: [parameter.name] },
      });
  }
  for (const parameter of left.values())
    sink.change({
      rule: parameter.required ? 'required-parameter-added' : 'parameter-added',
      direction: 'request',
      operation: before.id,
      base: before,
      revision: parameter,
      message: `${parameter.in} parameter \`${parameter.name}\` is new${parameter.required ? ' and required' : ''}`,
      // Who calls the operation and does not give it yet is hit.
      ...(parameter.required
        ? { needed: parameter.name }
        : { usedAs: { target: 'request', path: [parameter.name] } as const }),
    });
}

function keysOf(operation: HttpOperation): (parameter: Parameter) => string {
  const names = [...operation.path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]);
  return ({ name, in: place }) => {
    const index = place === 'path' ? names.indexOf(name) : -1;
    if (index >= 0) return `path ${index}`;
    return `${place} ${place === 'header' ? name.toLowerCase() : name}`;
  };
}

function compareParameter(
  before: Parameter,
  after: Parameter,
  operation: string,
  contracts: Contracts,
  sink: Sink,
): void {
  const usedAs = { target: 'request', path: [before.name] } as const;
  const both = { operation, direction: 'request', base: before, revision: after, usedAs } as const;
  const name = `${before.in} parameter \`${before.name}\``;
  if (before.name !== after.name && before.in === 'path')
    sink.change({ ...both, rule: 'parameter-renamed', message: `${name} is now \`${after.name}\`` });
  if (before.required !== after.required)
    sink.change({
      operation,
      direction: 'request',
      base: before,
      revision: after,
      rule: after.required ? 'parameter-became-required' : 'parameter-became-optional',
      message: `${name} became ${after.required ? 'required' : 'optional'}`,
      ...(after.required && { needed: after.name }),
    });
  if (before.deprecated !== after.deprecated)
    sink.change({
      ...both,
      rule: after.deprecated ? 'became-deprecated' : 'no-longer-deprecated',
      message: `${name} is ${after.deprecated ? '' : 'no longer '}deprecated`,
    });
  const sunset = sunsetChange(before, after);
  if (sunset) sink.change({ ...both, rule: sunset.rule, message: `${name}: ${sunset.message}` });
  if (before.mediaType !== after.mediaType)
    sink.change({
      ...both,
      rule: 'parameter-media-type-changed',
      message: `${name} is ${after.mediaType ?? 'plain'}, was ${before.mediaType ?? 'plain'}`,
    });
  const isComposite = mayBeComposite(before.schema) || mayBeComposite(after.schema);
  if (isComposite && (before.style !== after.style || before.explode !== after.explode))
    sink.change({
      ...both,
      rule: 'parameter-serialization-changed',
      message: `${name} is written ${styleOf(after)}, was ${styleOf(before)}`,
    });
  const [base, revision] =
    before.mediaType === undefined
      ? wireForms(before.schema, after.schema, contracts)
      : [before.schema, after.schema];
  sink.position({
    direction: 'request',
    operation,
    label: name,
    base,
    revision,
    target: 'request',
    prefix: [before.name],
    isParameter: true,
    ...(!before.required && { canBeAbsent: true }),
  });
}

function styleOf(parameter: Parameter): string {
  return `${parameter.style}${parameter.explode ? ' exploded' : ''}`;
}

function mayBeComposite(schema: JsonSchema): boolean {
  if (!isSchemaObject(schema)) return false;
  const types = typesOf(schema);
  return types.length === 0
    ? schema.$ref !== undefined || schema.properties !== undefined || schema.items !== undefined
    : types.includes('array') || types.includes('object');
}

function typesOf(schema: SchemaObject): readonly string[] {
  return schema.type === undefined ? [] : typeof schema.type === 'string' ? [schema.type] : schema.type;
}
