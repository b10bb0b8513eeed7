import { isTornAtComma, listMeant } from '@tenon/document';
import { type Diagnostic, didYouMean, isSecretReference, type Json } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { diagnostic } from '../rules.ts';
import type { SpecDocument, SpecEntry, SpecMap, SpecNode, SpecScalar } from '../yaml/spec-document.ts';

/** What a `oneOf` is told apart by: `telling` has, for each of its `maps`, the key that only it requires. */
interface Branches {
  readonly branches: readonly SchemaObject[];
  readonly maps: readonly SchemaObject[];
  readonly telling: readonly string[];
}

/** The published schemas do not change, and each step is held against the same few unions. */
const branchesKnown = new WeakMap<SchemaObject, Branches>();

/**
 * Holds a spec against one of the published schemas. Ajv would say what fails; this says what was meant: which branch
 * of a `oneOf` the author was writing, which key is a typo, what a missing part is for.
 */
export function checkShape(document: SpecDocument, root: SpecNode, schema: SchemaObject): Diagnostic[] {
  const found: Diagnostic[] = [];
  visit(root, schema, '');
  return found;

  function visit(node: SpecNode, unresolved: JsonSchema, path: string): void {
    const resolved = resolve(unresolved);
    if (!resolved) return;
    const chosen = resolved.oneOf ? chooseBranch(node, resolved, path) : resolved;
    if (!chosen) return;
    if (!checkType(node, chosen, path)) return;
    if (node.kind === 'map') visitMap(node, chosen, path);
    if (node.kind === 'list' && chosen.uniqueItems) checkTwice(node, path);
    if (node.kind === 'list' && isSchemaObject(chosen.items))
      for (const [index, item] of node.items.entries()) visit(item, chosen.items, `${path}[${index}]`);
    if (node.kind === 'scalar') checkScalar(node, chosen, path);
  }

  function visitMap(node: SpecMap, shape: SchemaObject, path: string): void {
    const properties = shape.properties ?? {};
    const names = Object.keys(properties);
    for (const [index, { key, value }] of node.entries.entries()) {
      const name = String(key.value);
      const torn = tornFrom(node.entries[index - 1], key, value);
      const below = path === '' ? name : `${path}.${name}`;
      const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (known !== undefined) visit(value, known, below);
      else if (isSchemaObject(shape.additionalProperties)) {
        checkName(key, shape.propertyNames, below);
        visit(value, shape.additionalProperties, below);
      } else if (shape.additionalProperties === false) {
        const near = didYouMean(
          name,
          names.filter((other) => !node.entries.some((e) => e.key.value === other)),
        );
        found.push(
          diagnostic('unknown-key', {
            message: `\`${name}\` is not known here${torn === undefined ? '' : `: a comma ended the text of \`${torn}\``}`,
            at: document.at(key),
            subject: below,
            ...(torn === undefined
              ? { fix: elsewhere(below) ?? `known here: ${list(names)}`, misspelt: { name, meant: near } }
              : { fix: `put the whole text of \`${torn}\` in quotes` }),
          }),
        );
        if (near !== undefined && isOfSecrets(properties[near])) writtenOut(value, below);
      }
    }
    for (const name of shape.required ?? []) {
      if (node.entries.some(({ key }) => key.value === name)) continue;
      // A key that is near the missing one is reported as a typo already.
      if (
        node.entries.some(
          ({ key }) => !Object.hasOwn(properties, String(key.value)) && didYouMean(String(key.value), [name]),
        )
      )
        continue;
      const wanted = resolve(properties[name] ?? true);
      const what = wanted?.description ? `: ${lowerFirst(wanted.description)}` : '';
      found.push(
        diagnostic('missing-key', {
          message: `\`${name}\` is missing${what}`,
          at: head(node),
          subject: path === '' ? name : `${path}.${name}`,
          fix: `add \`${name}:\`${path === '' ? '' : ` to \`${path}\``}`,
        }),
      );
    }
  }

  /** The key of the text that a key without a value is the rest of. */
  function tornFrom(before: SpecEntry | undefined, key: SpecScalar, value: SpecNode): string | undefined {
    if (before?.value.kind !== 'scalar' || typeof before.value.value !== 'string') return undefined;
    const isEmpty = value.kind === 'scalar' && value.value === null;
    return isEmpty && isTornAtComma(document.text, key.end) ? String(before.key.value) : undefined;
  }

  /** Where a map that lacks a key is pointed at: its first key, or the whole of an empty one. */
  function head(node: SpecMap) {
    const first = node.entries[0];
    return first ? document.at(first.key) : document.at(node);
  }

  /** The branch whose type fits and whose telling key (a required one) is there. */
  function chooseBranch(node: SpecNode, union: SchemaObject, path: string): SchemaObject | undefined {
    const { branches, maps, telling } = branchesOf(union);
    if (node.kind !== 'map') {
      const fits = branches.find((branch) => typeFits(node, branch) && branch.const === undefined);
      const constant = branches.find(
        (branch) => branch.const !== undefined && node.kind === 'scalar' && branch.const === node.value,
      );
      if (constant ?? fits) return constant ?? fits;
      wrong(node, branches, path);
      return undefined;
    }
    if (maps.length === 1) return maps[0];
    const present = telling.filter((name) => node.entries.some(({ key }) => key.value === name));
    if (present.length === 1) return maps[telling.indexOf(present[0]!)];
    const second = node.entries.find(({ key }) => key.value === present[1]);
    if (second) {
      found.push(
        diagnostic('ambiguous-kind', {
          message: `both \`${present[0]}\` and \`${present[1]}\` are given; one thing has one kind`,
          at: document.at(second.key),
          subject: path,
          fix: `make two of it, or remove one of ${list(present)}`,
        }),
      );
      return undefined;
    }
    const others = node.entries.filter(
      ({ key }) => !maps.some((branch) => Object.hasOwn(branch.properties ?? {}, String(key.value))),
    );
    const typo = others
      .map(({ key }) => ({ key, near: didYouMean(String(key.value), telling) }))
      .find(({ near }) => near);
    found.push(
      diagnostic('unknown-kind', {
        message: typo ? `\`${typo.key.value}\` is not known here` : `none of ${list(telling)} is given`,
        at: typo ? document.at(typo.key) : head(node),
        subject: path,
        fix: typo ? `did you mean \`${typo.near}\`?` : `add one of ${list(telling)}`,
      }),
    );
    return undefined;
  }

  function branchesOf(union: SchemaObject): Branches {
    const known = branchesKnown.get(union);
    if (known) return known;
    const branches = (union.oneOf ?? []).map(resolve).filter((branch) => branch !== undefined);
    const maps = branches.filter((branch) => branch.type === 'object');
    const shared = new Set(
      maps
        .flatMap((branch) => branch.required ?? [])
        .filter((name) => maps.every((branch) => branch.required?.includes(name))),
    );
    const telling = maps.map(
      (branch) => (branch.required ?? []).filter((name) => !shared.has(name))[0] ?? '',
    );
    const found = { branches, maps, telling };
    branchesKnown.set(union, found);
    return found;
  }

  function checkType(node: SpecNode, shape: SchemaObject, path: string): boolean {
    if (typeFits(node, shape)) {
      const count = node.kind === 'list' ? node.items.length : undefined;
      if (count === undefined || count >= (shape.minItems ?? 0)) return true;
      found.push(
        diagnostic('value-not-allowed', {
          message: `\`${path}\` needs at least ${shape.minItems} item`,
          at: document.at(node),
          subject: path,
        }),
      );
      return false;
    }
    wrong(node, [shape], path);
    return false;
  }

  function checkTwice({ items }: Extract<SpecNode, { kind: 'list' }>, path: string): void {
    const seen = new Set<unknown>();
    for (const item of items) {
      if (item.kind !== 'scalar') continue;
      const { value } = item;
      if (seen.has(value))
        found.push(
          diagnostic('value-not-allowed', {
            message: `\`${path}\` has ${show(value)} twice`,
            at: document.at(item),
            subject: `${path} ${String(value)}`,
            fix: 'take one of them away',
          }),
        );
      seen.add(value);
    }
  }

  function checkScalar(node: SpecScalar, shape: SchemaObject, path: string): void {
    const { value } = node;
    const allowed = shape.const !== undefined ? [shape.const] : shape.enum;
    if (allowed && !allowed.includes(value)) {
      const near = didYouMean(String(value), allowed.map(String));
      found.push(
        diagnostic('value-not-allowed', {
          message: `\`${path}\` is ${show(value)}; it must be ${list(
            allowed.map((one) => String(one)),
            'or',
          )}`,
          at: document.at(node),
          subject: path,
          misspelt: { name: String(value), meant: near },
        }),
      );
    }
    if (typeof value === 'string') checkText(node, value, shape, path);
    if (typeof value === 'number') checkNumber(node, value, shape, path);
  }

  function checkText(node: SpecScalar, value: string, shape: SchemaObject, path: string): void {
    if (shape.format === SECRET) {
      writtenOut(node, path);
      return;
    }
    if (shape.minLength !== undefined && value.trim().length < shape.minLength) {
      found.push(
        diagnostic('value-not-allowed', {
          message: `\`${path}\` is empty`,
          at: document.at(node),
          subject: path,
        }),
      );
      return;
    }
    if (shape.pattern === undefined || new RegExp(shape.pattern, 'u').test(value)) return;
    const expected =
      typeof shape['patternErrorMessage'] === 'string'
        ? shape['patternErrorMessage']
        : `text like ${shape.pattern}`;
    const code =
      shape.format === 'tenon-duration'
        ? 'duration-invalid'
        : shape.format === 'tenon-expression'
          ? 'expression-expected'
          : 'value-not-allowed';
    found.push(
      diagnostic(code, {
        message: `\`${path}\` must be ${expected}`,
        at: document.at(node),
        subject: path,
        ...(code === 'expression-expected' &&
          !value.includes('$') && { fix: `write ${JSON.stringify(`\${ ${value} }`)}` }),
      }),
    );
  }

  function checkNumber(node: SpecScalar, value: number, shape: SchemaObject, path: string): void {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = shape;
    const bounds = [
      minimum !== undefined && value < minimum && `at least ${minimum}`,
      maximum !== undefined && value > maximum && `at most ${maximum}`,
      exclusiveMinimum !== undefined && value <= exclusiveMinimum && `more than ${exclusiveMinimum}`,
      exclusiveMaximum !== undefined && value >= exclusiveMaximum && `less than ${exclusiveMaximum}`,
    ];
    const broken = bounds.find((bound) => typeof bound === 'string');
    if (!broken) return;
    found.push(
      diagnostic('value-not-allowed', {
        message: `\`${path}\` is ${value}; it must be ${broken}`,
        at: document.at(node),
        subject: path,
      }),
    );
  }

  function checkName(key: SpecScalar, names: JsonSchema | undefined, path: string): void {
    if (!isSchemaObject(names) || names.pattern === undefined) return;
    if (new RegExp(names.pattern, 'u').test(String(key.value))) return;
    found.push(
      diagnostic('value-not-allowed', {
        message: `\`${key.value}\` cannot be a name here: ${names['patternErrorMessage'] ?? `it must match ${names.pattern}`}`,
        at: document.at(key),
        subject: path,
      }),
    );
  }

  function wrong(node: SpecNode, shapes: readonly SchemaObject[], path: string): void {
    const isSecret = shapes.some((shape) => isOfSecrets(shape));
    const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
    const isList = shapes.length === 1 && shapes[0]?.type === 'array';
    const meant = isList && !isSecret && text !== undefined ? listMeant(text) : undefined;
    found.push(
      diagnostic('wrong-kind', {
        message: `\`${path || 'the file'}\` is ${isSecret ? bareKindOf(node) : kindOf(node)}; it must be ${expectedOf(shapes)}`,
        at: document.at(node),
        subject: path,
        ...(meant !== undefined && { fix: `write \`${meant}\`` }),
      }),
    );
    if (isSecret) writtenOut(node, path);
  }

  /** What stands where references to secrets belong, in whatever shape: by the finding it is covered wherever its line is shown. */
  function writtenOut(node: SpecNode, path: string): void {
    if (node.kind === 'map')
      for (const { key, value } of node.entries) writtenOut(value, `${path}.${String(key.value)}`);
    else if (node.kind === 'list')
      for (const [index, item] of node.items.entries()) writtenOut(item, `${path}[${index}]`);
    else if (node.value !== null && !isSecretReference(String(node.value)))
      found.push(
        diagnostic('secret-literal', {
          message: `\`${path}\` holds a value instead of a reference`,
          at: document.at(node),
          subject: path,
        }),
      );
  }

  /** Is it a reference to a secret, a list or a map of these, or what is written with one among its members? */
  function isOfSecrets(unresolved: JsonSchema | undefined, depth = 0): boolean {
    const shape = unresolved === undefined || depth > SECRET_DEPTH_MAX ? undefined : resolve(unresolved);
    if (shape === undefined) return false;
    if (shape.format === SECRET) return true;
    if ([shape.items, shape.additionalProperties].some((one) => isOfSecrets(one, depth + 1))) return true;
    return Object.values(shape.properties ?? {}).some((one) => resolve(one)?.format === SECRET);
  }

  function resolve(one: JsonSchema): SchemaObject | undefined {
    const name = definitionName(one);
    const target = name === undefined ? one : schema.$defs?.[name];
    return isSchemaObject(target) ? target : undefined;
  }
}

function typeFits(node: SpecNode, shape: SchemaObject): boolean {
  const { type } = shape;
  if (shape.const !== undefined || shape.enum) return node.kind === 'scalar';
  switch (type) {
    case 'object':
      return node.kind === 'map';
    case 'array':
      return node.kind === 'list';
    case 'integer':
      return node.kind === 'scalar' && Number.isInteger(node.value);
    case 'number':
    case 'string':
    case 'boolean':
      return node.kind === 'scalar' && typeof node.value === type;
    default:
      return true;
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  integer: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
};

/** What a reference to a secret has as its format. */
const SECRET = 'tenon-secret-reference';
/** Credentials are a map of maps of them; templates may hold themselves. */
const SECRET_DEPTH_MAX = 3;

function expectedOf(shapes: readonly SchemaObject[]): string {
  return [...new Set(shapes.map(expectedOfOne))].join(', or ');
}

function expectedOfOne(shape: SchemaObject): string {
  if (shape.const !== undefined) return `\`${String(shape.const)}\``;
  if (shape.enum) return list(shape.enum.map(String), 'or');
  if (typeof shape['patternErrorMessage'] === 'string') return shape['patternErrorMessage'];
  return ARTICLES[String(shape.type)] ?? 'something else';
}

function kindOf(node: SpecNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'empty';
  return typeof node.value === 'string' ? 'text' : show(node.value);
}

/** Without the value. */
function bareKindOf(node: SpecNode): string {
  if (node.kind !== 'scalar' || node.value === null || typeof node.value === 'string') return kindOf(node);
  return typeof node.value === 'number' ? 'a number' : 'no text';
}

/** A value in a message. Text is shown only where it is one of a closed set's typos, so never long. */
function show(value: Json): string {
  const text = typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function list(names: readonly string[], word = 'and'): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} ${word} ${quoted.at(-1)}`;
}

/** Inside a sentence; an abbreviation (`URL`, `HTTP`) stays as it is. */
function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
}

/** What to do with keys that are known beside the place where they stand, and would mean something else there. */
function elsewhere(path: string): string | undefined {
  return /\b(compensate|guard)\.over$/.test(path)
    ? 'leave it out: what undoes a step by the same connector goes over the connection that the step went over; by another connector, `call` names the connection'
    : undefined;
}
