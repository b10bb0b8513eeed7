import { canonicalJson, type Json } from '@tenon/model';

/**
 * A schema as a formula over one JSON value, in negation normal form and hash-consed: two formulas that are built
 * alike are the same object, so equality is identity and every result about a formula can be kept by its `id`.
 *
 * An atom speaks about one JSON type and holds for every value of another type, as JSON Schema's keywords do; a
 * negated atom (`isNegated`) says "is of that type, and does not satisfy".
 */
export type Formula =
  | { readonly kind: 'true'; readonly id: number }
  | { readonly kind: 'false'; readonly id: number }
  | { readonly kind: 'all'; readonly id: number; readonly parts: readonly Formula[] }
  | { readonly kind: 'any'; readonly id: number; readonly parts: readonly Formula[] }
  | {
      readonly kind: 'one';
      readonly id: number;
      readonly parts: readonly Formula[];
      readonly isNegated: boolean;
    }
  | { readonly kind: 'cell'; readonly id: number; readonly cell: Cell; readonly isNegated: boolean }
  | { readonly kind: 'atom'; readonly id: number; readonly atom: Atom; readonly isNegated: boolean };

export type Literal = Extract<Formula, { kind: 'atom' }>;

/** A named schema, built when first needed: what makes recursion finite and unused definitions free. */
export interface Cell {
  readonly key: string;
  readonly body: () => Formula;
}

export type Atom =
  | { readonly is: 'type'; readonly mask: number }
  | { readonly is: 'in'; readonly values: readonly Json[]; readonly keys: ReadonlySet<string> }
  /** Something that this engine does not model (`keyword` says what): neither true nor false can be claimed. */
  | { readonly is: 'opaque'; readonly keyword: string; readonly key: string; readonly on: number }
  | { readonly is: 'minimum'; readonly bound: number; readonly exclusive: boolean }
  | { readonly is: 'maximum'; readonly bound: number; readonly exclusive: boolean }
  | { readonly is: 'multipleOf'; readonly divisor: number }
  | { readonly is: 'minLength'; readonly bound: number }
  | { readonly is: 'maxLength'; readonly bound: number }
  | { readonly is: 'pattern'; readonly source: string }
  | { readonly is: 'format'; readonly format: string }
  | { readonly is: 'minItems'; readonly bound: number }
  | { readonly is: 'maxItems'; readonly bound: number }
  | { readonly is: 'uniqueItems' }
  | { readonly is: 'item'; readonly index: number; readonly of: Formula }
  | { readonly is: 'rest'; readonly from: number; readonly of: Formula }
  /** At least (`minContains`) or at most (`maxContains`) `bound` items satisfy `of`. */
  | { readonly is: 'minContains'; readonly bound: number; readonly of: Formula }
  | { readonly is: 'maxContains'; readonly bound: number; readonly of: Formula }
  | { readonly is: 'minProperties'; readonly bound: number }
  | { readonly is: 'maxProperties'; readonly bound: number }
  | { readonly is: 'required'; readonly name: string }
  | { readonly is: 'property'; readonly name: string; readonly of: Formula }
  | { readonly is: 'matching'; readonly source: string; readonly of: Formula }
  /** Every property whose name is none of `names` and matches none of `sources`. */
  | {
      readonly is: 'others';
      readonly names: readonly string[];
      readonly sources: readonly string[];
      readonly of: Formula;
    }
  | { readonly is: 'names'; readonly of: Formula };

export const NULL = 1;
export const BOOLEAN = 2;
export const NUMBER = 4;
export const STRING = 8;
export const ARRAY = 16;
export const OBJECT = 32;
export const ANY = 63;
/** The JSON types, in the order in which a witness is looked for. */
export const TYPES = [STRING, NUMBER, OBJECT, ARRAY, BOOLEAN, NULL] as const;

const TYPE_BITS: Readonly<Record<string, number>> = {
  null: NULL,
  boolean: BOOLEAN,
  number: NUMBER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};

/** Which type each atom speaks about. */
const SUBJECT = {
  minimum: NUMBER,
  maximum: NUMBER,
  multipleOf: NUMBER,
  minLength: STRING,
  maxLength: STRING,
  pattern: STRING,
  format: STRING,
  minItems: ARRAY,
  maxItems: ARRAY,
  uniqueItems: ARRAY,
  item: ARRAY,
  rest: ARRAY,
  minContains: ARRAY,
  maxContains: ARRAY,
  minProperties: OBJECT,
  maxProperties: OBJECT,
  required: OBJECT,
  property: OBJECT,
  matching: OBJECT,
  others: OBJECT,
  names: OBJECT,
} as const;

export function typeOf(value: unknown): number {
  if (value === null) return NULL;
  if (Array.isArray(value)) return ARRAY;
  return TYPE_BITS[typeof value] ?? OBJECT;
}

export function typeBit(name: string): number {
  return TYPE_BITS[name] ?? 0;
}

/** Makes formulas and remembers them. All formulas that meet in one question come from one universe. */
export class Universe {
  private readonly byKey = new Map<string, Formula>();
  private readonly negations = new Map<number, Formula>();
  private readonly restrictions = new Map<number, Formula>();
  readonly never: Formula = { kind: 'false', id: 0 };
  readonly always: Formula = { kind: 'true', id: 1 };
  private nextId = 2;

  all(parts: readonly Formula[]): Formula {
    return this.join('all', parts);
  }

  any(parts: readonly Formula[]): Formula {
    return this.join('any', parts);
  }

  /** Exactly one part holds. */
  one(parts: readonly Formula[]): Formula {
    const possible = parts.filter((part) => part !== this.never);
    if (possible.length === 0) return this.never;
    if (possible.length === 1) return possible[0]!;
    const certain = possible.indexOf(this.always);
    if (certain >= 0) return this.all(possible.filter((_, i) => i !== certain).map((part) => this.not(part)));
    const sorted = possible.toSorted((a, b) => a.id - b.id);
    const key = sorted.map((part) => part.id).join(',');
    return this.intern(`one:${key}`, (id) => ({ kind: 'one', id, parts: sorted, isNegated: false }));
  }

  not(formula: Formula): Formula {
    const known = this.negations.get(formula.id);
    if (known) return known;
    const made = this.negate(formula);
    this.negations.set(formula.id, made);
    this.negations.set(made.id, formula);
    return made;
  }

  cell(cell: Cell): Formula {
    return this.intern(`cell:${cell.key}`, (id) => ({ kind: 'cell', id, cell, isNegated: false }));
  }

  types(mask: number): Formula {
    if (mask === ANY) return this.always;
    if (mask === 0) return this.never;
    return this.literal({ is: 'type', mask });
  }

  in(values: readonly Json[]): Formula {
    const byText = new Map(values.map((value) => [canonicalJson(value), value]));
    if (byText.size === 0) return this.never;
    const texts = [...byText.keys()].sort();
    return this.intern(`in:${texts.join(',')}`, (id) => ({
      kind: 'atom',
      id,
      isNegated: false,
      atom: { is: 'in', values: texts.map((text) => byText.get(text)!), keys: new Set(texts) },
    }));
  }

  literal(atom: Exclude<Atom, { is: 'in' }>): Formula {
    switch (atom.is) {
      case 'property':
      case 'matching':
      case 'others':
      case 'names':
      case 'item':
      case 'rest':
        if (atom.of === this.always) return this.always;
        break;
      case 'minContains':
        if (atom.bound <= 0) return this.always;
        if (atom.of === this.always) return this.literal({ is: 'minItems', bound: atom.bound });
        if (atom.of === this.never) return this.types(ANY & ~ARRAY);
        break;
      case 'maxContains':
        if (atom.of === this.never) return this.always;
        if (atom.of === this.always) return this.literal({ is: 'maxItems', bound: atom.bound });
        if (atom.bound === 0) return this.literal({ is: 'rest', from: 0, of: this.not(atom.of) });
        break;
      case 'minLength':
      case 'minItems':
      case 'minProperties':
        if (atom.bound <= 0) return this.always;
        break;
    }
    return this.intern(atomKey(atom), (id) => ({ kind: 'atom', id, atom, isNegated: false }));
  }

  /** The formula as it stands for values of one type. */
  restrict(formula: Formula, type: number): Formula {
    if (formula.kind === 'true' || formula.kind === 'false' || formula.kind === 'cell') return formula;
    const slot = formula.id * 64 + type;
    const known = this.restrictions.get(slot);
    if (known) return known;
    const made = this.restricted(formula, type);
    this.restrictions.set(slot, made);
    return made;
  }

  private restricted(formula: Exclude<Formula, { kind: 'true' | 'false' | 'cell' }>, type: number): Formula {
    if (formula.kind !== 'atom') {
      const parts = formula.parts.map((part) => this.restrict(part, type));
      if (formula.kind === 'all') return this.all(parts);
      if (formula.kind === 'any') return this.any(parts);
      return formula.isNegated ? this.not(this.one(parts)) : this.one(parts);
    }
    const { atom, isNegated } = formula;
    switch (atom.is) {
      case 'type':
        return (atom.mask & type) === 0 ? this.never : this.always;
      case 'in': {
        const values = atom.values.filter((value) => typeOf(value) === type);
        const part = values.length === atom.values.length && !isNegated ? formula : this.in(values);
        return isNegated ? this.not(part) : part;
      }
      case 'opaque':
        return (atom.on & type) !== 0 ? formula : isNegated ? this.never : this.always;
      default:
        return SUBJECT[atom.is] === type ? formula : isNegated ? this.never : this.always;
    }
  }

  private negate(formula: Formula): Formula {
    switch (formula.kind) {
      case 'true':
        return this.never;
      case 'false':
        return this.always;
      case 'all':
        return this.any(formula.parts.map((part) => this.not(part)));
      case 'any':
        return this.all(formula.parts.map((part) => this.not(part)));
      case 'one':
        return this.intern(`!one:${formula.parts.map((part) => part.id).join(',')}`, (id) => ({
          ...formula,
          id,
          isNegated: true,
        }));
      case 'cell':
        return this.intern(`!cell:${formula.cell.key}`, (id) => ({ ...formula, id, isNegated: true }));
      case 'atom':
        if (formula.atom.is === 'type') return this.types(ANY & ~formula.atom.mask);
        return this.intern(`!${formula.id}`, (id) => ({ ...formula, id, isNegated: true }));
    }
  }

  private join(kind: 'all' | 'any', parts: readonly Formula[]): Formula {
    const unit = kind === 'all' ? this.always : this.never;
    const zero = kind === 'all' ? this.never : this.always;
    const found = new Map<number, Formula>();
    let mask = kind === 'all' ? ANY : 0;
    const queue = [...parts];
    for (let i = 0; i < queue.length; i++) {
      const part = queue[i]!;
      if (part === zero) return zero;
      if (part === unit) continue;
      if (part.kind === kind) queue.push(...part.parts);
      else if (part.kind === 'atom' && part.atom.is === 'type')
        mask = kind === 'all' ? mask & part.atom.mask : mask | part.atom.mask;
      else found.set(part.id, part);
    }
    const types = this.types(mask);
    if (types === zero) return zero;
    if (types !== unit) found.set(types.id, types);
    for (const part of found.values()) {
      const opposite = this.negations.get(part.id);
      if (opposite && found.has(opposite.id)) return zero;
    }
    if (found.size === 0) return unit;
    const sorted = [...found.values()].sort((a, b) => a.id - b.id);
    if (sorted.length === 1) return sorted[0]!;
    const key = sorted.map((part) => part.id).join(',');
    return this.intern(`${kind}:${key}`, (id) => ({ kind, id, parts: sorted }));
  }

  private intern(key: string, make: (id: number) => Formula): Formula {
    const known = this.byKey.get(key);
    if (known) return known;
    const made = make(this.nextId++);
    this.byKey.set(key, made);
    return made;
  }
}

function atomKey(atom: Exclude<Atom, { is: 'in' }>): string {
  switch (atom.is) {
    case 'type':
      return `type:${atom.mask}`;
    case 'opaque':
      return `opaque:${atom.keyword}:${atom.on}:${atom.key}`;
    case 'minimum':
    case 'maximum':
      return `${atom.is}:${atom.exclusive ? '!' : ''}${atom.bound}`;
    case 'multipleOf':
      return `multipleOf:${atom.divisor}`;
    case 'pattern':
      return `pattern:${atom.source}`;
    case 'format':
      return `format:${atom.format}`;
    case 'uniqueItems':
      return 'uniqueItems';
    case 'item':
      return `item:${atom.index}:${atom.of.id}`;
    case 'rest':
      return `rest:${atom.from}:${atom.of.id}`;
    case 'minContains':
    case 'maxContains':
      return `${atom.is}:${atom.bound}:${atom.of.id}`;
    case 'required':
      return `required:${atom.name}`;
    case 'property':
      return `property:${atom.of.id}:${atom.name}`;
    case 'matching':
      return `matching:${atom.of.id}:${atom.source}`;
    case 'others':
      return `others:${atom.of.id}:${JSON.stringify([atom.names, atom.sources])}`;
    case 'names':
      return `names:${atom.of.id}`;
    default:
      return `${atom.is}:${atom.bound}`;
  }
}
