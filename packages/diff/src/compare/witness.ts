import type { Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { Side } from '../schema/includes.ts';
import type { Position } from './positions.ts';
import type { SchemaDiffer } from './schemas.ts';

/** Steps for growing one witness. */
const STEPS_LIFT = 4_000;

/**
 * The whole message that holds a small witness at its place: one that the sender's version accepts and the receiver's
 * refuses. `undefined` when none was found; the small one stands for itself then.
 */
export function liftWitness(
  differ: SchemaDiffer,
  position: Position,
  path: readonly string[],
  witness: Json,
): Json | undefined {
  const { comparison, side, sender, isWitness } = sides(differ, position);
  const holds = comparison.at(path, witness);
  const declared = comparison.declaredOnly(side, sender);
  return (
    comparison.find(side, sender, [holds, declared], isWitness, STEPS_LIFT) ??
    comparison.find(side, sender, [holds], isWitness, STEPS_LIFT)
  );
}

/** Does the sender's version of the whole message accept it, and the receiver's refuse it? */
export function isRefused(differ: SchemaDiffer, position: Position, value: Json): boolean {
  return sides(differ, position).isWitness(value);
}

/** The receiver's schema of a message, as it holds in the direction in which it travels. */
export function refusalOf(
  differ: SchemaDiffer,
  position: Position,
): { readonly schema: JsonSchema; readonly definitions: Readonly<Record<string, JsonSchema>> } {
  const { direction } = position;
  const side: Side = direction === 'request' ? 1 : 0;
  const written = side === 0 ? position.base : position.revision;
  return {
    schema: differ.directedSchema(direction, side, written),
    definitions: differ.directedDefinitions(direction, side),
  };
}

function sides(differ: SchemaDiffer, position: Position) {
  const { direction } = position;
  const comparison = differ.comparison(direction);
  const side: Side = direction === 'request' ? 0 : 1;
  const other: Side = side === 0 ? 1 : 0;
  const schemas = [position.base, position.revision] as const;
  const sender = differ.directedSchema(direction, side, schemas[side]);
  const receiver = differ.directedSchema(direction, other, schemas[other]);
  const accepts = comparison.check(side, sender);
  const takes = comparison.check(other, receiver);
  const isWitness = (value: Json): boolean => accepts(value) === true && takes(value) === false;
  return { comparison, side, sender, isWitness };
}
