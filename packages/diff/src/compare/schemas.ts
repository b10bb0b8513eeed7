import type { Contract } from '@tenon/contract';
import type { Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { ChangeSeverity } from '../finding.ts';
import type { RuleId } from '../rules/registry.ts';
import { FACETS, type Facet, ORDERED_FACETS, type OrderedFacet } from '../rules/schemas.ts';
import { Colours } from '../schema/colours.ts';
import { DirectedSchemas, type Direction } from '../schema/directed.ts';
import { Comparison, type Side } from '../schema/includes.ts';
import { objectOr, PairReader } from './pair-reader.ts';
import { followed } from './view.ts';

export type { Direction } from '../schema/directed.ts';

/** A change at one place of two schemas, before it is known which operations reach it. */
export interface LocalChange {
  readonly rule: RuleId;
  readonly severity: ChangeSeverity;
  /** Severity where what stands around the place makes the change harmless. */
  readonly severityCapped: ChangeSeverity;
  readonly base: object | undefined;
  readonly revision: object | undefined;
  /** From the place of the pair to what changed: the name of a property. */
  readonly tail: readonly string[];
  readonly message: string;
  /** A value for this place that the sender's version accepts and the receiver's refuses. */
  readonly witness: Json | undefined;
  readonly undecided?: string;
}

/** Two schemas held against each other: what changed here, and the places below. */
export interface Pair {
  readonly changes: LocalChange[];
  readonly below: Below[];
}

export interface Below {
  readonly tokens: readonly string[];
  readonly pair: Pair;
  /** Senders may leave it out. */
  readonly canBeAbsent?: true;
}

const UNCHANGED: Pair = { changes: [], below: [] };

/** Does the sender send only what the receiver takes? `isOpenOnly`: what breaks is not declared anywhere. */
export type Answer =
  | { readonly is: 'included' }
  | { readonly is: 'broken'; readonly witness: Json; readonly isOpenOnly: boolean }
  | { readonly is: 'undecided'; readonly keyword: string };

/** Steps for one question about a whole schema, and for one about a single keyword of it. */
const STEPS_WHOLE = 12_000;
const STEPS_FACET = 6_000;

/**
 * Finds what differs between the schemas of two contracts, place by place and once for each place, and asks of each
 * difference whether the sender can still send what the receiver takes. In a request the base version sends and the
 * revision receives; in a response it is the other way round.
 */
export class SchemaDiffer {
  readonly contracts: readonly [Contract, Contract];
  private coloursMade: Colours | undefined;
  private readonly directed: Readonly<Record<Direction, readonly [DirectedSchemas, DirectedSchemas]>>;
  private readonly comparisons = new Map<Direction, Comparison>();
  private readonly pairs = {
    request: new Map<object, Map<object, Pair>>(),
    response: new Map<object, Map<object, Pair>>(),
  };
  private readonly unsatisfiable = {
    request: new WeakMap<object, boolean>(),
    response: new WeakMap<object, boolean>(),
  };
  pairsCompared = 0;

  /** Today, for the ends that properties announce; left out, they are not checked. */
  readonly now: number | undefined;

  constructor(base: Contract, revision: Contract, now?: number) {
    this.contracts = [base, revision];
    this.now = now;
    const both = (direction: Direction): readonly [DirectedSchemas, DirectedSchemas] => [
      new DirectedSchemas(direction, base.definitions),
      new DirectedSchemas(direction, revision.definitions),
    ];
    this.directed = { request: both('request'), response: both('response') };
  }

  /** Made when first needed: two equal contracts never do. */
  get colours(): Colours {
    this.coloursMade ??= new Colours(this.contracts.map((contract) => contract.definitions));
    return this.coloursMade;
  }

  /** Compares the schemas of one position: a body, a parameter, a payload. */
  compareRoot(direction: Direction, base: JsonSchema, revision: JsonSchema): Pair {
    return this.compare(direction, base, revision);
  }

  /** Is it proved that the whole message stays acceptable, whatever changed inside? */
  isSafeAsWhole(direction: Direction, base: JsonSchema, revision: JsonSchema): boolean {
    const [sender, receiver] = direction === 'request' ? [base, revision] : [revision, base];
    return this.ask(direction, sender, receiver, STEPS_WHOLE).is === 'included';
  }

  comparison(direction: Direction): Comparison {
    let made = this.comparisons.get(direction);
    if (!made) {
      const [base, revision] = this.directed[direction];
      made = new Comparison(base.definitions, revision.definitions, { colours: this.colours });
      this.comparisons.set(direction, made);
    }
    return made;
  }

  /** Does a schema of the revision take a value in a request? `false` also where Ajv cannot say. */
  takes(schema: JsonSchema, value: Json): boolean {
    return this.comparison('request').check(1, this.directedSchema('request', 1, schema))(value) === true;
  }

  directedSchema(direction: Direction, side: Side, schema: JsonSchema): JsonSchema {
    return this.directed[direction][side].of(schema);
  }

  directedDefinitions(direction: Direction, side: Side): Readonly<Record<string, JsonSchema>> {
    return this.directed[direction][side].definitions;
  }

  private isAlike(base: JsonSchema, revision: JsonSchema): boolean {
    return this.colours.signature(0, base) === this.colours.signature(1, revision);
  }

  private compare(direction: Direction, baseRaw: JsonSchema, revisionRaw: JsonSchema): Pair {
    if (this.isAlike(baseRaw, revisionRaw)) return UNCHANGED;
    const base = followed(baseRaw, this.contracts[0].definitions);
    const revision = followed(revisionRaw, this.contracts[1].definitions);
    if (this.isAlike(base, revision)) return UNCHANGED;
    if (!isSchemaObject(base) || !isSchemaObject(revision)) {
      const pair: Pair = { changes: [], below: [] };
      this.addWhole(direction, pair, base, revision, baseRaw, revisionRaw, 'schema');
      return pair;
    }
    const known = this.pairs[direction].get(base)?.get(revision);
    if (known) return known;
    const pair: Pair = { changes: [], below: [] };
    const row = this.pairs[direction].get(base) ?? new Map<object, Pair>();
    row.set(revision, pair);
    this.pairs[direction].set(base, row);
    this.pairsCompared++;
    new PairReader(this, direction, base, revision, pair).read();
    return pair;
  }

  /** For `PairReader`: compares below, and keeps the edge only where something differs. */
  descend(
    direction: Direction,
    into: Pair,
    tokens: readonly string[],
    base: JsonSchema,
    revision: JsonSchema,
    more: Pick<Below, 'canBeAbsent'> = {},
  ): void {
    const pair = this.compare(direction, base, revision);
    if (pair !== UNCHANGED) into.below.push({ tokens, pair, ...more });
  }

  addWhole(
    direction: Direction,
    pair: Pair,
    base: JsonSchema,
    revision: JsonSchema,
    baseAt: JsonSchema,
    revisionAt: JsonSchema,
    facet: Facet,
  ): void {
    const [sender, receiver] = direction === 'request' ? [base, revision] : [revision, base];
    const forward = this.ask(direction, sender, receiver, STEPS_WHOLE);
    const change = this.facetChange(direction, facet, forward, () =>
      this.holds(direction, direction === 'request' ? 1 : 0, receiver, sender),
    );
    if (!change) return;
    pair.changes.push({
      ...change,
      base: objectOr(baseAt),
      revision: objectOr(revisionAt),
      tail: [],
      message: `the ${FACETS[facet].label} differs as a whole`,
    });
  }

  /** What to call a difference, from whether each side's values are still the other's. `undefined`: no difference. */
  facetChange(
    direction: Direction,
    facet: Facet,
    forward: Answer,
    isReverseIncluded: () => boolean,
  ): Pick<LocalChange, 'rule' | 'severity' | 'severityCapped' | 'witness' | 'undecided'> | undefined {
    const harmless: ChangeSeverity = CHANGES_TYPES.has(facet) ? 'source' : 'info';
    if (forward.is === 'included') {
      if (isReverseIncluded()) return undefined;
      const rule: RuleId = `${facet}-${direction === 'request' ? 'widened' : 'narrowed'}`;
      return { rule, severity: harmless, severityCapped: harmless, witness: undefined };
    }
    const kind = direction === 'request' ? 'narrowed' : 'widened';
    const rule: RuleId = isOrdered(facet) || isReverseIncluded() ? `${facet}-${kind}` : `${facet}-changed`;
    if (forward.is === 'undecided')
      return {
        rule,
        severity: 'risky',
        severityCapped: harmless,
        witness: undefined,
        undecided: forward.keyword,
      };
    return {
      rule,
      severity: forward.isOpenOnly && !SPEAKS_OF_OTHERS.has(facet) ? 'risky' : 'breaking',
      severityCapped: harmless,
      witness: forward.witness,
    };
  }

  /** Does the sender send only what the receiver takes? First as documents are meant, then by the letter. */
  ask(
    direction: Direction,
    sender: JsonSchema,
    receiver: JsonSchema,
    stepsMax: number = STEPS_FACET,
  ): Answer {
    const comparison = this.comparison(direction);
    const side: Side = direction === 'request' ? 0 : 1;
    const other: Side = side === 0 ? 1 : 0;
    const sub = { side, schema: this.directedSchema(direction, side, sender) };
    const sup = { side: other, schema: this.directedSchema(direction, other, receiver) };
    const open = comparison.includes(sub, sup, { stepsMax });
    if (open.is === 'included') return open;
    const extra = comparison.declaredOnly(side, sub.schema);
    const meant = comparison.includes({ ...sub, extra }, sup, { stepsMax });
    if (meant.is === 'broken') return { is: 'broken', witness: meant.witness, isOpenOnly: false };
    if (meant.is === 'undecided') return meant;
    return open.is === 'broken'
      ? { is: 'broken', witness: open.witness, isOpenOnly: true }
      : { is: 'included' };
  }

  /** Is every value of `sub` (of `side`) one of `sup`, by the letter? `false` also where that is not known. */
  holds(direction: Direction, side: Side, sub: JsonSchema, sup: JsonSchema): boolean {
    const other: Side = side === 0 ? 1 : 0;
    const answer = this.comparison(direction).includes(
      { side, schema: this.directedSchema(direction, side, sub) },
      { side: other, schema: this.directedSchema(direction, other, sup) },
      { stepsMax: STEPS_FACET, checks: [() => true, () => false] },
    );
    return answer.is === 'included';
  }

  /** Is it proved that no value satisfies a schema? */
  isUnsatisfiable(direction: Direction, side: Side, schema: JsonSchema): boolean {
    if (!isSchemaObject(schema)) return schema === false;
    const known = this.unsatisfiable[direction].get(schema);
    if (known !== undefined) return known;
    const answer = this.holds(direction, side, schema, false);
    this.unsatisfiable[direction].set(schema, answer);
    return answer;
  }

  isDropped(direction: Direction, side: Side, schema: JsonSchema): boolean {
    return this.directed[direction][side].isDropped(schema);
  }
}

function isOrdered(facet: Facet): facet is OrderedFacet {
  return ORDERED_FACETS.has(facet);
}

/** Facets that say what undeclared properties must be like: where one stands, such properties are part of the deal. */
const SPEAKS_OF_OTHERS: ReadonlySet<Facet> = new Set([
  'property-names',
  'pattern-properties',
  'unevaluated',
  'dependencies',
]);

/** Facets whose change shows in generated types. */
const CHANGES_TYPES: ReadonlySet<Facet> = new Set([
  'type',
  'union',
  'all-of',
  'schema',
  'items',
  'additional-properties',
]);
