import { listMeant } from '@tenon/document';
import { didYouMean, isObject, isSecretReference, type Json, parseDuration, toPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { secretLooking } from './secret-literal.ts';

/** One way in which a document written by a person does not fit the schema of its kind. */
export interface ShapeIssue {
  readonly kind: 'unknown' | 'missing' | 'invalid' | 'duration' | 'host';
  /** Of the member at fault; of the object where a member is missing. */
  readonly pointer: string;
  readonly message: string;
  readonly fix?: string;
}

/**
 * Walks a value along a schema of the subset that `connectorSchema` uses. Ajv gives the same verdict (a test holds the
 * two together) but not the sentence a person needs: it reports every branch of a `oneOf`, where one discriminator
 * already says which was meant, and knows nothing of near misses.
 */
export function checkShape(schema: SchemaObject, value: unknown): readonly ShapeIssue[] {
  const issues: ShapeIssue[] = [];
  visit(schema, value, []);
  return issues;

  function visit(given: JsonSchema, here: unknown, tokens: readonly (string | number)[]): void {
    const node = resolve(given);
    if (node === undefined) return;
    const kind = node['x-tenon-kind'];
    if (Array.isArray(node.oneOf)) visitUnion(node.oneOf.filter(isSchemaObject), here, tokens);
    else if (Array.isArray(node.anyOf)) {
      if (!node.anyOf.some((branch) => isSchemaObject(branch) && checkShape(branch, here).length === 0))
        visitNone(node, node.anyOf.filter(isSchemaObject), here, tokens);
    } else if (Array.isArray(node.enum) || node.const !== undefined) visitLiteral(node, here, tokens);
    else if (node.type === undefined) return;
    else if (kind === 'duration' && typeof here === 'number')
      add(
        'duration',
        tokens,
        `${here} is no duration: it has no unit`,
        `write the unit too: \`${here}s\`, or \`500ms\`, \`2m\`, \`1h30m\``,
      );
    else if (!isOfType(here, String(node.type)))
      invalid(tokens, `expected ${article(String(node.type))}, found ${describe(here)}`, listFix(node, here));
    else if (typeof here === 'string') visitText(node, here, tokens, kind);
    else if (typeof here === 'number') visitNumber(node, here, tokens);
    else if (Array.isArray(here))
      for (const [index, item] of here.entries()) visit(node.items ?? true, item, [...tokens, index]);
    else if (isObject(here)) visitObject(node, here, tokens);
  }

  function visitObject(
    node: SchemaObject,
    here: Record<string, unknown>,
    tokens: readonly (string | number)[],
  ): void {
    const known = node.properties ?? {};
    for (const name of node.required ?? [])
      if (here[name] === undefined)
        add('missing', tokens, `\`${name}\` is missing`, descriptionOf(known[name], name));
    let before: string | undefined;
    for (const [name, member] of Object.entries(here)) {
      const at = [...tokens, name];
      const text = before;
      before = typeof member === 'string' ? name : undefined;
      if (Object.hasOwn(known, name)) visit(known[name]!, member, at);
      else if (isSchemaObject(node.additionalProperties)) visit(node.additionalProperties, member, at);
      else if (node.additionalProperties === false)
        unknown(name, Object.keys(known), at, member === null ? text : undefined);
    }
    if (node.minProperties !== undefined && Object.keys(here).length < node.minProperties)
      invalid(tokens, `expected at least ${node.minProperties} member`);
  }

  /** `text`: the member in front of one without a value, where that is a text: most likely a comma has ended it. */
  function unknown(
    name: string,
    candidates: readonly string[],
    at: readonly (string | number)[],
    text: string | undefined,
  ): void {
    const meant = didYouMean(name, candidates);
    const fix =
      meant !== undefined
        ? `did you mean \`${meant}\`?`
        : text !== undefined
          ? `put the whole text of \`${text}\` in quotes: between braces a comma ends it`
          : `use one of ${candidates.map(quote).join(', ')}`;
    add('unknown', at, `there is no \`${name}\` here`, fix);
  }

  /**
   * The literal that the value is, or the branch whose one `const` member it names (the only one, where there is one);
   * else the discriminator itself is at fault.
   */
  function visitUnion(
    alternatives: readonly SchemaObject[],
    here: unknown,
    tokens: readonly (string | number)[],
  ): void {
    const branches = alternatives.filter((branch) => branch.const === undefined);
    const values = alternatives.flatMap((branch) => branch.const ?? []);
    if (values.some((value) => value === here)) return;
    if (!isObject(here)) {
      const wanted = ['an object', ...values.map((value) => quote(value))].join(' or ');
      invalid(tokens, `expected ${wanted}, found ${describe(here)}`);
      return;
    }
    if (branches.length === 1) {
      visit(branches[0]!, here, tokens);
      return;
    }
    const key = discriminator(branches);
    const meant = branches.find((branch) => constOf(branch, key) === here[key]);
    const literals = branches.map((branch) => constOf(branch, key) ?? null);
    if (meant !== undefined) visit(meant, here, tokens);
    else if (here[key] === undefined)
      add('missing', tokens, `\`${key}\` is missing`, `use one of ${literals.map(quote).join(', ')}`);
    else visitLiteral({ enum: literals }, here[key], [...tokens, key]);
  }

  /** Nothing that may stand there fits: the values that are known are named, and the one that was meant. */
  function visitNone(
    node: SchemaObject,
    branches: readonly SchemaObject[],
    here: unknown,
    tokens: readonly (string | number)[],
  ): void {
    const known = branches.flatMap(
      (branch) => branch.enum ?? (branch.const === undefined ? [] : [branch.const]),
    );
    const meant = typeof here === 'string' ? didYouMean(here, known.map(String)) : undefined;
    const wanted = node.description?.replace(/\.$/, '') ?? 'another value';
    invalid(
      tokens,
      known.length > 0
        ? `${describe(here)} is none of ${known.map(quote).join(', ')}. ${wanted}`
        : `expected ${wanted}, found ${describe(here)}`,
      meant === undefined ? undefined : `did you mean \`${meant}\`?`,
    );
  }

  function visitLiteral(node: SchemaObject, here: unknown, tokens: readonly (string | number)[]): void {
    const allowed = node.enum ?? [node.const ?? null];
    if (allowed.some((literal) => literal === here)) return;
    const meant = typeof here === 'string' ? didYouMean(here, allowed.map(String)) : undefined;
    const fix = meant === undefined ? `use ${allowed.map(quote).join(' or ')}` : `did you mean \`${meant}\`?`;
    add('invalid', tokens, `expected one of ${allowed.map(quote).join(', ')}, found ${describe(here)}`, fix);
  }

  function visitText(
    node: SchemaObject,
    here: string,
    tokens: readonly (string | number)[],
    kind: unknown,
  ): void {
    if (kind === 'duration') {
      if (parseDuration(here) === undefined) add('duration', tokens, `${describe(here)} is no duration`);
    } else if (kind === 'host') {
      if (!matches(node, here)) add('host', tokens, `${describe(here)} is no host name`);
    } else if (here.length < (node.minLength ?? 0)) invalid(tokens, 'expected a text that is not empty');
    else if (!matches(node, here)) {
      const wanted = node['patternErrorMessage'];
      const isPointer = node.pattern === '^/' && here === here.trim() && describe(here) !== 'a text';
      invalid(
        tokens,
        typeof wanted === 'string'
          ? `expected ${wanted}, found ${describe(here)}`
          : `${describe(here)} does not have the form ${node.pattern}`,
        isPointer ? `write \`/${here.replaceAll('.', '/')}\`` : node.description,
      );
    }
  }

  function visitNumber(node: SchemaObject, here: number, tokens: readonly (string | number)[]): void {
    if (node.minimum !== undefined && here < node.minimum)
      invalid(tokens, `expected at least ${node.minimum}, found ${here}`);
    if (node.maximum !== undefined && here > node.maximum)
      invalid(tokens, `expected at most ${node.maximum}, found ${here}`);
    if (node.exclusiveMinimum !== undefined && here <= node.exclusiveMinimum)
      invalid(tokens, `expected more than ${node.exclusiveMinimum}, found ${here}`);
  }

  function resolve(given: JsonSchema): SchemaObject | undefined {
    if (!isSchemaObject(given)) return undefined;
    const definition = definitionName(given);
    const target = definition === undefined ? given : schema.$defs?.[definition];
    return isSchemaObject(target) ? target : undefined;
  }

  function invalid(tokens: readonly (string | number)[], message: string, fix?: string): void {
    add('invalid', tokens, message, fix);
  }

  function add(
    kind: ShapeIssue['kind'],
    tokens: readonly (string | number)[],
    message: string,
    fix?: string,
  ): void {
    issues.push({ kind, pointer: toPointer(tokens), message, ...(fix !== undefined && { fix }) });
  }
}

function matches(node: SchemaObject, text: string): boolean {
  return node.pattern === undefined || new RegExp(node.pattern, 'u').test(text);
}

function discriminator(branches: readonly SchemaObject[]): string {
  const first = branches[0]?.properties ?? {};
  return Object.keys(first).find((key) => constOf(branches[0]!, key) !== undefined) ?? 'type';
}

function constOf(branch: SchemaObject, key: string): Json | undefined {
  const property = branch.properties?.[key];
  return isSchemaObject(property) ? property.const : undefined;
}

function descriptionOf(schema: JsonSchema | undefined, name: string): string | undefined {
  return isSchemaObject(schema) && schema.description !== undefined
    ? `add \`${name}\`: ${schema.description}`
    : undefined;
}

/** A text that holds a list's items is most likely to be that list. */
function listFix({ type }: SchemaObject, here: unknown): string | undefined {
  if (type !== 'array' || typeof here !== 'string' || secretLooking(here) !== undefined) return undefined;
  const meant = listMeant(here);
  return meant && `write \`${meant}\``;
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

function article(type: string): string {
  if (type === 'string') return 'a text';
  if (type === 'array') return 'a list';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** Longest text quoted back from a document. */
const QUOTED_MAX = 40;

/** What stands there, for a message. A long text, or one that looks like a secret, is not quoted: it may be pasted by mistake. */
function describe(value: unknown): string {
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  if (typeof value !== 'string') return `the ${typeof value} ${String(value)}`;
  const quotable = value.length <= QUOTED_MAX && secretLooking(value) === undefined;
  return quotable || isSecretReference(value) ? `\`${value}\`` : 'a text';
}

function quote(value: unknown): string {
  return `\`${String(value)}\``;
}
