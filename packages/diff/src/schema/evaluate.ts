import { canonicalJson, isObject, type Json } from '@tenon/model';
import { decimal, isMultiple } from './decimal.ts';
import { stringFormat } from './formats.ts';
import { ARRAY, type Atom, type Formula, NUMBER, OBJECT, STRING, typeOf } from './formula.ts';

/** Whether a value satisfies a formula; `undefined` where the formula holds something that is not modelled. */
export function evaluate(formula: Formula, value: Json, depth = 0): boolean | undefined {
  if (depth > DEPTH_MAX) return undefined;
  switch (formula.kind) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'all':
      return every(formula.parts, (part) => evaluate(part, value, depth + 1));
    case 'any':
      return not(every(formula.parts, (part) => not(evaluate(part, value, depth + 1))));
    case 'one': {
      let sure = 0;
      let unsure = 0;
      for (const part of formula.parts) {
        const holds = evaluate(part, value, depth + 1);
        if (holds) sure++;
        else if (holds === undefined) unsure++;
      }
      const isOne = sure > 1 ? false : unsure > 0 ? undefined : sure === 1;
      return formula.isNegated ? not(isOne) : isOne;
    }
    case 'cell': {
      const holds = evaluate(formula.cell.body(), value, depth + 1);
      return formula.isNegated ? not(holds) : holds;
    }
    case 'atom': {
      const holds = evaluateAtom(formula.atom, value, depth);
      return formula.isNegated ? not(holds) : holds;
    }
  }
}

let isExact = false;

/** As `evaluate`, but with `multipleOf` by exact arithmetic alone, where Ajv's division may round. */
export function evaluateExactly(formula: Formula, value: Json): boolean | undefined {
  isExact = true;
  try {
    return evaluate(formula, value);
  } finally {
    isExact = false;
  }
}

/** Deeper nesting than this (in-place recursion, most likely) is not evaluated. */
const DEPTH_MAX = 400;

function evaluateAtom(atom: Atom, value: Json, depth: number): boolean | undefined {
  const type = typeOf(value);
  switch (atom.is) {
    case 'type':
      return (atom.mask & type) !== 0;
    case 'in':
      return atom.keys.has(canonicalJson(value));
    case 'opaque':
      return (atom.on & type) === 0 ? true : undefined;
  }
  if (type === NUMBER) return evaluateNumber(atom, value as number);
  if (type === STRING) return evaluateString(atom, value as string);
  if (type === ARRAY) return evaluateArray(atom, value as readonly Json[], depth);
  if (type === OBJECT && isObject(value))
    return evaluateObject(atom, value as { readonly [name: string]: Json }, depth);
  return true;
}

type Typed = Exclude<Atom, { is: 'type' | 'in' | 'opaque' }>;

function evaluateNumber(atom: Typed, value: number): boolean | undefined {
  switch (atom.is) {
    case 'minimum':
      return atom.exclusive ? value > atom.bound : value >= atom.bound;
    case 'maximum':
      return atom.exclusive ? value < atom.bound : value <= atom.bound;
    case 'multipleOf': {
      const exact = isMultiple(decimal(value), decimal(atom.divisor));
      if (atom.divisor === 1) return exact;
      return isExact || exact === dividesAsAjv(value, atom.divisor) ? exact : undefined;
    }
    default:
      return true;
  }
}

/** Ajv divides doubles: where rounding makes its answer differ from the exact one, neither is claimed. */
function dividesAsAjv(value: number, divisor: number): boolean | undefined {
  const quotient = value / divisor;
  if (Math.abs(quotient) > QUOTIENT_MAX) return undefined;
  return quotient === Number.parseInt(String(quotient), 10);
}

/** Past this, doubles are further apart than integers. */
const QUOTIENT_MAX = 2 ** 53;

function evaluateString(atom: Typed, value: string): boolean | undefined {
  switch (atom.is) {
    case 'minLength':
      return lengthOf(value) >= atom.bound;
    case 'maxLength':
      return lengthOf(value) <= atom.bound;
    case 'pattern':
      return regularExpression(atom.source)?.test(value);
    case 'format':
      return stringFormat(atom.format)?.test(value);
    default:
      return true;
  }
}

function evaluateArray(atom: Typed, value: readonly Json[], depth: number): boolean | undefined {
  switch (atom.is) {
    case 'minItems':
      return value.length >= atom.bound;
    case 'maxItems':
      return value.length <= atom.bound;
    case 'uniqueItems':
      return new Set(value.map(canonicalJson)).size === value.length;
    case 'item':
      return atom.index >= value.length || evaluate(atom.of, value[atom.index]!, depth + 1);
    case 'rest':
      return every(value.slice(atom.from), (item) => evaluate(atom.of, item, depth + 1));
    case 'minContains':
    case 'maxContains': {
      let sure = 0;
      let unsure = 0;
      for (const item of value) {
        const holds = evaluate(atom.of, item, depth + 1);
        if (holds) sure++;
        else if (holds === undefined) unsure++;
      }
      if (atom.is === 'minContains')
        return sure >= atom.bound ? true : sure + unsure < atom.bound ? false : undefined;
      return sure > atom.bound ? false : sure + unsure <= atom.bound ? true : undefined;
    }
    default:
      return true;
  }
}

function evaluateObject(
  atom: Typed,
  value: { readonly [name: string]: Json },
  depth: number,
): boolean | undefined {
  switch (atom.is) {
    case 'minProperties':
      return Object.keys(value).length >= atom.bound;
    case 'maxProperties':
      return Object.keys(value).length <= atom.bound;
    case 'required':
      return Object.hasOwn(value, atom.name);
    case 'property':
      return !Object.hasOwn(value, atom.name) || evaluate(atom.of, value[atom.name]!, depth + 1);
    case 'matching': {
      const expression = regularExpression(atom.source);
      if (!expression) return undefined;
      return every(Object.keys(value), (name) =>
        expression.test(name) ? evaluate(atom.of, value[name]!, depth + 1) : true,
      );
    }
    case 'others':
      return every(Object.keys(value), (name) => {
        const isOther = isOtherName(atom.names, atom.sources, name);
        if (isOther === false) return true;
        const holds = evaluate(atom.of, value[name]!, depth + 1);
        return isOther ? holds : holds || undefined;
      });
    case 'names':
      return every(Object.keys(value), (name) => evaluate(atom.of, name, depth + 1));
    default:
      return true;
  }
}

/** Is it a name that `properties` and `patternProperties` leave to `additionalProperties`? */
export function isOtherName(
  names: readonly string[],
  sources: readonly string[],
  name: string,
): boolean | undefined {
  if (names.includes(name)) return false;
  let result: boolean | undefined = true;
  for (const source of sources) {
    const expression = regularExpression(source);
    if (!expression) result = undefined;
    else if (expression.test(name)) return false;
  }
  return result;
}

const expressions = new Map<string, RegExp | undefined>();

/** The pattern as Ajv reads it (flag `u`); `undefined` when it is no regular expression. */
export function regularExpression(source: string): RegExp | undefined {
  if (!expressions.has(source)) {
    try {
      expressions.set(source, new RegExp(source, 'u'));
    } catch {
      // Ajv refuses such a schema as a whole: what it means is not known.
      expressions.set(source, undefined);
    }
  }
  return expressions.get(source);
}

/** Length in code points, as JSON Schema counts. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const isPair = (text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) length--;
  }
  return length;
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

function every<T>(items: readonly T[], holds: (item: T) => boolean | undefined): boolean | undefined {
  let result: boolean | undefined = true;
  for (const item of items) {
    const answer = holds(item);
    if (answer === false) return false;
    if (answer === undefined) result = undefined;
  }
  return result;
}
