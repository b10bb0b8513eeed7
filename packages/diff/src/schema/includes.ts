import { canonicalJson, type Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { Builder } from './build.ts';
import { type Check, checkWithDefinitions } from './check.ts';
import { Colours } from './colours.ts';
import { definitionKey, differOnlyInReference, type SchemaBundle } from './dialect.ts';
import { evaluateExactly } from './evaluate.ts';
import { ARRAY, type Formula, OBJECT, Universe } from './formula.ts';
import { otherReading } from './reading.ts';
import { Solver } from './solve.ts';

/** Is every value of one schema a value of another? */
export type Inclusion =
  | { readonly is: 'included' }
  /** `witness` is a value of the first that the second refuses, as Ajv confirmed of both. */
  | { readonly is: 'broken'; readonly witness: Json }
  | { readonly is: 'undecided'; readonly keyword: string };

/** Which of two schemas: what the question calls them is up to the asker. */
export type Side = 0 | 1;

/** Steps that one question may take: about a second of work at worst. */
export const STEPS_MAX = 30_000;

/** Two sets of definitions held against each other. What one question teaches, the next one knows. */
export class Comparison {
  private readonly universe = new Universe();
  private readonly solver = new Solver(this.universe);
  private readonly builders: readonly [Builder, Builder];
  private readonly definitions: readonly Readonly<Record<string, JsonSchema>>[];
  private readonly checks: readonly [WeakMap<object, Check>, WeakMap<object, Check>] = [
    new WeakMap(),
    new WeakMap(),
  ];

  constructor(
    left: Readonly<Record<string, JsonSchema>>,
    right: Readonly<Record<string, JsonSchema>>,
    options: { readonly containsEvaluates?: readonly [boolean, boolean]; readonly colours?: Colours } = {},
  ) {
    this.definitions = [left, right];
    const colours = options.colours ?? new Colours([left, right]);
    const builder = (side: Side, definitions: Readonly<Record<string, JsonSchema>>): Builder =>
      new Builder(this.universe, {
        resolve: (reference) => {
          if (!reference.startsWith('#/$defs/')) return undefined;
          const name = definitionKey(reference);
          if (!Object.hasOwn(definitions, name)) return undefined;
          return { key: colours.of(side, name), schema: definitions[name]! };
        },
        containsEvaluates: options.containsEvaluates?.[side] ?? true,
      });
    this.builders = [builder(0, left), builder(1, right)];
  }

  formula(side: Side, schema: JsonSchema): Formula {
    return this.builders[side].formula(schema);
  }

  /** What a sender sends who adds nothing that the schema does not declare. */
  declaredOnly(side: Side, schema: JsonSchema): Formula {
    return this.builders[side].declaredOnly([schema]);
  }

  /**
   * Is every value of `sub` a value of `sup`? With `extra`, of those values only which satisfy it too. `checks` asks
   * Ajv about both; by default over the schemas given.
   */
  includes(
    sub: { readonly side: Side; readonly schema: JsonSchema; readonly extra?: Formula },
    sup: { readonly side: Side; readonly schema: JsonSchema },
    options: { readonly checks?: readonly [Check, Check]; readonly stepsMax?: number } = {},
  ): Inclusion {
    const left = this.formula(sub.side, sub.schema);
    const right = this.formula(sup.side, sup.schema);
    if (left === right) return { is: 'included' };
    const [accepts, refuses] = options.checks ?? [
      this.check(sub.side, sub.schema),
      this.check(sup.side, sup.schema),
    ];
    // Ajv decides, and exact arithmetic must not contradict it.
    const isWitness = (value: Json): boolean =>
      accepts(value) === true && refuses(value) === false && evaluateExactly(right, value) !== true;
    const goal = [left, ...(sub.extra ? [sub.extra] : []), this.universe.not(right)];
    const outcome = this.solver.ask(goal, options.stepsMax ?? STEPS_MAX, isWitness);
    if (outcome.is === 'none') return { is: 'included' };
    if (outcome.is === 'found' && isWitness(outcome.value)) return { is: 'broken', witness: outcome.value };
    return { is: 'undecided', keyword: outcome.is === 'unknown' ? outcome.because : 'check' };
  }

  /** A value of a schema that satisfies more besides and that `accepts` takes; `undefined` when none was found. */
  find(
    side: Side,
    schema: JsonSchema,
    more: readonly Formula[],
    accepts: (value: Json) => boolean,
    stepsMax = STEPS_MAX,
  ): Json | undefined {
    const goal = [this.formula(side, schema), ...more];
    const outcome = this.solver.ask(goal, stepsMax, accepts);
    return outcome.is === 'found' && accepts(outcome.value) ? outcome.value : undefined;
  }

  /** That a value holds `inner` at a path: names, positions in lists, `*` for any item or any further name. */
  at(path: readonly string[], inner: Json): Formula {
    const { universe } = this;
    return path.reduceRight(
      (of: Formula, token: string): Formula => {
        const named = (name: string): Formula =>
          universe.all([
            universe.types(OBJECT),
            universe.literal({ is: 'required', name }),
            universe.literal({ is: 'property', name, of }),
          ]);
        const item = (index: number): Formula =>
          universe.all([
            universe.types(ARRAY),
            universe.literal({ is: 'minItems', bound: index + 1 }),
            universe.literal({ is: 'item', index, of }),
          ]);
        if (token === '*') return universe.any([item(0), named('extra'), named('a')]);
        return /^\d+$/.test(token) ? universe.any([item(Number(token)), named(token)]) : named(token);
      },
      universe.in([inner]),
    );
  }

  check(side: Side, schema: JsonSchema): Check {
    if (typeof schema === 'boolean') return () => schema;
    let check = this.checks[side].get(schema);
    if (!check) {
      check = checkWithDefinitions(schema, this.definitions[side]!);
      this.checks[side].set(schema, check);
    }
    return check;
  }
}

/**
 * Is every value of one bare schema a value of another? A verdict is given only where it holds under every reading
 * that the specification leaves open (see `otherReading`), and where no part of the document can be taken two ways.
 */
export function includes(
  sub: SchemaBundle,
  sup: SchemaBundle,
  options: { readonly checks?: readonly [Check, Check]; readonly stepsMax?: number } = {},
): Inclusion {
  const isSame =
    canonicalJson([sub.schema, sub.definitions]) === canonicalJson([sup.schema, sup.definitions]);
  if (isSame) return { is: 'included' };
  const isRewritten = differOnlyInReference([...sub.referenceLike, ...sup.referenceLike]);
  const ambiguous = sub.ambiguous ?? sup.ambiguous ?? (isRewritten ? 'const' : undefined);
  const verdict = compareBundles(sub, sup, options);
  if (verdict.is === 'undecided') return verdict;
  // Whatever a document means: nothing is refused by one that takes all, and nothing sent by one that takes none.
  if (verdict.is === 'included' && (isAlways(sup.schema) || sub.schema === false)) return verdict;
  if (ambiguous !== undefined) return { is: 'undecided', keyword: ambiguous };
  const others = [otherReading(sub), otherReading(sup)] as const;
  if (!others[0] && !others[1]) return verdict;
  const other = compareBundles(others[0] ?? sub, others[1] ?? sup, {});
  if (other.is === verdict.is) return verdict;
  return { is: 'undecided', keyword: 'format' };
}

function isAlways(schema: JsonSchema): boolean {
  return schema === true || (typeof schema === 'object' && Object.keys(schema).length === 0);
}

function compareBundles(
  sub: SchemaBundle,
  sup: SchemaBundle,
  options: { readonly checks?: readonly [Check, Check]; readonly stepsMax?: number },
): Inclusion {
  const comparison = new Comparison(sub.definitions, sup.definitions, {
    containsEvaluates: [sub.containsEvaluates, sup.containsEvaluates],
  });
  const verdict = comparison.includes(
    { side: 0, schema: sub.schema },
    { side: 1, schema: sup.schema },
    options,
  );
  if (verdict.is !== 'undecided' || !ENUMERABLE.has(verdict.keyword)) return verdict;
  return enumerated(comparison, sub, sup, options.checks) ?? verdict;
}

/** What can stay undecided where Ajv alone can judge a value: what the formula does not model, but Ajv resolves. */
const ENUMERABLE: ReadonlySet<string> = new Set(['$ref']);

/** A base that lists its values is settled by asking Ajv about each of them; `undefined` where it lists none. */
function enumerated(
  comparison: Comparison,
  sub: SchemaBundle,
  sup: SchemaBundle,
  checks?: readonly [Check, Check],
): Inclusion | undefined {
  const values = listedValues(sub.schema);
  if (!values) return undefined;
  const [accepts, takes] = checks ?? [comparison.check(0, sub.schema), comparison.check(1, sup.schema)];
  const right = comparison.formula(1, sup.schema);
  for (const value of values) {
    const answer = takes(value);
    const exact = evaluateExactly(right, value);
    if (answer === undefined || (exact !== undefined && exact !== answer)) return undefined;
    if (!answer) return accepts(value) === true ? { is: 'broken', witness: value } : undefined;
  }
  return { is: 'included' };
}

/** The values of a schema that is a list of them: `const`, `enum`, or a choice of such. */
function listedValues(schema: JsonSchema): readonly Json[] | undefined {
  if (typeof schema === 'boolean') return undefined;
  if (Object.hasOwn(schema, '$ref')) return undefined;
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum !== undefined) return schema.enum;
  if (!schema.anyOf) return undefined;
  const lists = schema.anyOf.map(listedValues);
  return lists.every((list) => list !== undefined) ? lists.flat() : undefined;
}
