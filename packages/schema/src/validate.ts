import { createRequire } from 'node:module';
import { escapeToken, type Json } from '@tenon/model';
import type { Ajv2020, ErrorObject } from 'ajv/dist/2020.js';
import { declaredNamesOnly } from './declared-names.ts';
import { boundFormats } from './formats.ts';
import { compilePattern } from './pattern.ts';
import { compileWithoutRepeats } from './repeats.ts';
import type { JsonSchema, SchemaObject } from './schema.ts';
import { uniqueItems } from './unique-items.ts';

/** One way in which a value does not fit its schema. Never holds the value itself: it may be personal. */
export interface SchemaIssue {
  /** JSON Pointer of the field at fault in the value; for a missing or unknown field, of that field. */
  readonly pointer: string;
  /** The keyword that refused (`required`, `type`, `enum` …). */
  readonly keyword: string;
  /** A sentence for a person, without its subject: `must be a string`, `is required`, `must be one of "open", "paid"`. */
  readonly message: string;
}

/** Checks one value: an empty list when it fits. */
export type Validator = (value: unknown) => readonly SchemaIssue[];

export interface ValidatorOptions {
  /** The definitions that `#/$defs/…` references name. */
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  /** Issues listed at most. Default 10. */
  readonly issuesMax?: number;
  /**
   * The value is of others, and what is said of it is kept: members that the schema does not name stand as `*` in pointers, since
   * keys of a map may be addresses or names. A field that is not allowed is called by its name where that is a plain word.
   */
  readonly hidesNames?: true;
}

const ISSUES_MAX = 10;
/** Values, each with those inside it, up to which all that is wrong is looked for: beyond, what is found first. */
const VALUES_SEARCHED_MAX = 5_000;
/** Errors of Ajv that are read for the best among them. */
const ERRORS_READ_MAX = 1_000;

/**
 * Compiles a schema with Ajv: draft 2020-12, formats checked, unknown keywords and formats tolerated. Lazy: the first
 * call pays for the compilation. Throws when the schema itself is not one (contracts are checked before they get here).
 *
 * Values come from outside, so a verdict takes time in proportion to the value, and no more memory: it ends at the first
 * fault. Only of a small value that is refused are all faults looked for, each of which is an object.
 */
export function compileValidator(schema: JsonSchema, options: ValidatorOptions = {}): Validator {
  const issuesMax = options.issuesMax ?? ISSUES_MAX;
  const whole = withDefinitions(schema, options.definitions);
  const shown = options.hidesNames ? declaredNamesOnly(whole) : (issue: SchemaIssue) => issue;
  let first: ReturnType<typeof compileWithoutRepeats> | undefined;
  let all: ReturnType<typeof compileWithoutRepeats> | undefined;
  return (value) => {
    if (schema === true) return [];
    first ??= compileWithoutRepeats(whole, () => ajv(false));
    const found = first(value);
    if (found.length === 0) return [];
    return readableIssues(errorsOf(value, found).slice(0, ERRORS_READ_MAX))
      .slice(0, issuesMax)
      .map((issue) => shown(issue, value));
  };

  function errorsOf(value: unknown, found: readonly ErrorObject[]): readonly ErrorObject[] {
    if (holdsMoreThan(value, VALUES_SEARCHED_MAX)) return found;
    all ??= compileWithoutRepeats(whole, () => ajv(true));
    const every = all(value);
    return every.length > 0 ? every : found;
  }
}

function withDefinitions(schema: JsonSchema, definitions: ValidatorOptions['definitions']): SchemaObject {
  if (typeof schema === 'boolean') return { allOf: [schema] };
  return definitions === undefined ? schema : { ...schema, $defs: { ...schema.$defs, ...definitions } };
}

function holdsMoreThan(value: unknown, max: number): boolean {
  const queue = [value];
  for (let count = 1; queue.length > 0; ) {
    const here = queue.pop();
    if (typeof here !== 'object' || here === null) continue;
    const inner = Array.isArray(here) ? here : Object.values(here);
    count += inner.length;
    if (count > max) return true;
    queue.push(...inner);
  }
  return false;
}

/**
 * A fresh Ajv for each schema: Ajv keeps every schema it has compiled, so a shared one would grow for as long as a
 * process lives. Its modules are loaded at the first use.
 */
function ajv(allErrors: boolean): Ajv2020 {
  loaded ??= load();
  return loaded(allErrors);
}

let loaded: ((allErrors: boolean) => Ajv2020) | undefined;

/** Ajv asks for an engine with the source text of one, for standalone code; ours is never written out. */
const patternEngine = (mayGuess: boolean) =>
  Object.assign((source: string, flags: string) => compilePattern(source, flags, mayGuess), {
    code: 'new RegExp',
  });

function load(): (allErrors: boolean) => Ajv2020 {
  const require = createRequire(import.meta.url);
  // Ajv ships CommonJS; its own declarations describe what `require` gives.
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');
  const addFormats = require('ajv-formats') as typeof import('ajv-formats').default;
  return (allErrors) => {
    const instance = new Ajv2020({
      strict: false,
      allErrors,
      validateFormats: true,
      inlineRefs: false,
      logger: false,
      addUsedSchema: false,
      validateSchema: false,
      // Schemas are not held against the meta-schema here, and adding that to each instance is most of its cost.
      meta: false,
      verbose: false,
      code: { regExp: patternEngine(allErrors) },
    });
    addFormats.default(instance);
    boundFormats(instance);
    instance.removeKeyword('uniqueItems');
    instance.addKeyword(uniqueItems);
    return instance;
  };
}

/**
 * Ajv reports a failed `anyOf` as every branch's errors plus its own; for a reader the branch that came nearest says
 * most. Errors under a combination are kept only when they lie deeper than it; `if` adds nothing to its branch.
 */
function readableIssues(errors: readonly ErrorObject[]): SchemaIssue[] {
  const issues = new Map<string, SchemaIssue>();
  const combinations = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  for (const error of errors) {
    if (error.keyword === 'if' || isDuller(error, errors, combinations)) continue;
    const issue = toIssue(error);
    issues.set(`${issue.pointer} ${issue.message}`, issue);
  }
  return [...issues.values()];
}

function isDuller(
  error: ErrorObject,
  all: readonly ErrorObject[],
  combinations: readonly ErrorObject[],
): boolean {
  const isCombination = error.keyword === 'anyOf' || error.keyword === 'oneOf';
  if (isCombination) {
    return all.some((other) => other.schemaPath.startsWith(`${error.schemaPath}/`) && isDeeper(other, error));
  }
  const parent = combinations.find((combination) =>
    error.schemaPath.startsWith(`${combination.schemaPath}/`),
  );
  return parent !== undefined && !isDeeper(error, parent);
}

function isDeeper(error: ErrorObject, than: ErrorObject): boolean {
  return pointerOf(error).length > than.instancePath.length;
}

function pointerOf(error: ErrorObject): string {
  const missing =
    error.params['missingProperty'] ??
    error.params['additionalProperty'] ??
    error.params['unevaluatedProperty'];
  return typeof missing === 'string' ? `${error.instancePath}/${escapeToken(missing)}` : error.instancePath;
}

function toIssue(error: ErrorObject): SchemaIssue {
  const words = sentences[error.keyword];
  return {
    pointer: pointerOf(error),
    keyword: error.keyword,
    message: words ? words(error.params) : (error.message ?? `fails ${error.keyword}`),
  };
}

const COMPARISONS: Readonly<Record<string, string>> = {
  '<=': 'at most',
  '>=': 'at least',
  '<': 'less than',
  '>': 'greater than',
};
const compared = (p: Record<string, unknown>): string =>
  `must be ${COMPARISONS[String(p['comparison'])] ?? p['comparison']} ${p['limit']}`;

/** What each keyword's refusal says. Params come from the schema, never from the value. */
const sentences: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  required: () => 'is required',
  dependentRequired: (p) => `is required when ${p['property']} is present`,
  additionalProperties: () => 'is not a field here',
  unevaluatedProperties: () => 'is not a field here',
  'false schema': () => 'must be absent',
  type: (p) => `must be ${typeWords(p['type'])}`,
  enum: (p) =>
    `must be one of ${(p['allowedValues'] as Json[]).map((value) => JSON.stringify(value)).join(', ')}`,
  const: (p) => `must be ${JSON.stringify(p['allowedValue'])}`,
  format: (p) => `must be a valid ${p['format']}`,
  pattern: (p) => `must match the pattern ${p['pattern']}`,
  minimum: compared,
  maximum: compared,
  exclusiveMinimum: compared,
  exclusiveMaximum: compared,
  multipleOf: (p) => `must be a multiple of ${p['multipleOf']}`,
  minLength: (p) => `must have at least ${p['limit']} characters`,
  maxLength: (p) => `must have at most ${p['limit']} characters`,
  minItems: (p) => `must have at least ${p['limit']} items`,
  maxItems: (p) => `must have at most ${p['limit']} items`,
  minProperties: (p) => `must have at least ${p['limit']} fields`,
  maxProperties: (p) => `must have at most ${p['limit']} fields`,
  uniqueItems: (p) => `must have no equal items (items ${p['j']} and ${p['i']} are)`,
  anyOf: () => 'fits none of the alternatives',
  oneOf: (p) =>
    p['passingSchemas'] ? 'fits more than one of the alternatives' : 'fits none of the alternatives',
  not: () => 'must not fit the excluded schema',
};

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

function typeWords(type: unknown): string {
  const names = Array.isArray(type) ? type : String(type).split(',');
  return names.map((name) => ARTICLES[name] ?? String(name)).join(' or ');
}
