import type { Expr, Span } from '../ast.ts';
import { type FunctionSpec, functions, type Overload, signature } from '../functions.ts';
import { parseExpression } from '../parser.ts';
import { children, namespaceOf } from '../references.ts';
import { describeType } from '../types/describe.ts';
import { finiteValues, membersOf, presentOf, type Type } from '../types/type.ts';
import { Checker } from './check.ts';
import { type Environment, type Scope, scopeOf } from './environment.ts';
import { Issues } from './issues.ts';
import { lookup } from './lookup.ts';

/** One thing that can be written at a place. */
export interface Completion {
  readonly label: string;
  readonly kind: 'field' | 'name' | 'function' | 'policy' | 'value';
  /** Its type, or signature. */
  readonly detail: string;
  readonly doc?: string;
  /** What to write instead of `replace`. */
  readonly text: string;
  readonly replace: Span;
}

/** What there is to say of the text under a cursor. */
export interface Hover extends Span {
  readonly detail: string;
  readonly doc?: string;
}

/** What can be written at `offset`, also in text that does not parse yet: fields, names, functions, values of an enum. */
export function completionsAt(
  source: string,
  offset: number,
  environment: Environment,
): readonly Completion[] {
  const inspection = inspect(source, environment);
  const chain = nodesAt(inspection.ast, offset);
  const node = chain.at(-1);
  const member = chain.findLast(
    (one) => one.kind === 'member' && offset >= one.nameSpan.start && offset <= one.nameSpan.end,
  );
  const called = chain.findLast(
    (one) =>
      one.kind === 'call' &&
      one.target !== undefined &&
      offset >= one.nameSpan.start &&
      offset <= one.nameSpan.end,
  );
  if (member?.kind === 'member') return afterDot(member.object, member.nameSpan, inspection, environment);
  if (called?.kind === 'call' && called.target)
    return afterDot(called.target, called.nameSpan, inspection, environment);
  const replace: Span =
    node && (node.kind === 'literal' || node.kind === 'identifier') ? node : { start: offset, end: offset };
  const values = valuesAt(chain, replace, inspection);
  if (node?.kind === 'literal') return values;
  return [...values, ...namesAt(chain, replace, inspection, environment)];
}

/** The type, and what the contract or the table of functions says, of the name at `offset`. */
export function hoverAt(source: string, offset: number, environment: Environment): Hover | undefined {
  const { ast, seen } = inspect(source, environment);
  const node = nodesAt(ast, offset).at(-1);
  if (node === undefined || node.kind === 'error') return undefined;
  if (node.kind === 'call') {
    const spec: FunctionSpec | undefined = Object.hasOwn(functions, node.name)
      ? functions[node.name]
      : undefined;
    const isOnName = offset >= node.nameSpan.start && offset <= node.nameSpan.end;
    if (spec && isOnName && namespaceOf(node) === undefined)
      return { ...node.nameSpan, detail: ways(node.name, spec.overloads), doc: spec.doc };
  }
  const type = seen.get(node)?.type;
  if (type === undefined) return undefined;
  const span: Span = node.kind === 'member' || node.kind === 'call' ? node.nameSpan : node;
  const doc = node.kind === 'member' ? fieldDoc(seen.get(node.object)?.type, node.name) : undefined;
  return {
    start: span.start,
    end: span.end,
    detail:
      type.kind === 'any' && type.reason !== undefined ? `anything: ${type.reason}` : describeType(type),
    ...(doc !== undefined && { doc }),
  };
}

interface Inspection {
  readonly ast: Expr;
  readonly seen: ReadonlyMap<Expr, { readonly type: Type; readonly scope: Scope }>;
}

function inspect(source: string, environment: Environment): Inspection {
  const { ast } = parseExpression(source);
  const checker = new Checker(new Issues());
  const seen = new Map<Expr, { type: Type; scope: Scope }>();
  checker.onVisit = (node, type, scope) => seen.set(node, { type, scope });
  checker.visit(ast, scopeOf(environment));
  return { ast, seen };
}

/** Nodes that hold the offset, from the outside in. */
function nodesAt(ast: Expr, offset: number): readonly Expr[] {
  const chain: Expr[] = [];
  for (let here: Expr | undefined = ast; here; ) {
    chain.push(here);
    const holders: Expr[] = children(here).filter((child) => child.start <= offset && offset <= child.end);
    // Where two meet, the later one is what is being written, unless it is what is missing.
    here = holders.findLast((child) => child.kind !== 'error') ?? holders.at(-1);
  }
  return chain;
}

function afterDot(
  object: Expr,
  replace: Span,
  { seen }: Inspection,
  environment: Environment,
): readonly Completion[] {
  if (
    object.kind === 'identifier' &&
    object.name === 'policy' &&
    !Object.hasOwn(environment.variables, 'policy')
  )
    return policies(replace, environment);
  const known = seen.get(object)?.type;
  if (known === undefined) return [];
  const type = presentOf(known);
  const fields = membersOf(type).flatMap((member) =>
    member.kind === 'object' ? [...member.fields.keys()] : [],
  );
  const methods = Object.entries(functions).flatMap(([name, spec]) => {
    const overloads = spec.overloads.filter(
      (overload) => overload.receiver !== undefined && receives(overload, known),
    );
    return overloads.length === 0 ? [] : [functionCompletion(name, spec, overloads, replace)];
  });
  return [...[...new Set(fields)].map((name) => fieldCompletion(type, name, replace)), ...methods];
}

function fieldCompletion(type: Type, name: string, replace: Span): Completion {
  const found = lookup(type, name);
  const isName = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
  const doc = found.field?.description;
  const absent = found.mayBeAbsent || found.without.length > 0 ? ', may be absent' : '';
  return {
    label: name,
    kind: 'field',
    detail: `${found.type ? describeType(found.type) : 'nothing'}${absent}`,
    ...(doc !== undefined && { doc }),
    text: isName ? name : `\`${name}\``,
    replace: { start: replace.start, end: replace.end },
  };
}

function receives(overload: Overload, type: Type): boolean {
  if (type.kind === 'optional') return overload.receiver === 'optional';
  if (type.kind === 'any') return overload.receiver !== 'optional';
  return membersOf(type).some(
    (member) =>
      overload.receiver === member.kind ||
      (overload.receiver === 'list of strings' && member.kind === 'list'),
  );
}

function functionCompletion(
  name: string,
  spec: FunctionSpec,
  overloads: readonly Overload[],
  replace: Span,
): Completion {
  return {
    label: name,
    kind: 'function',
    detail: ways(name, overloads),
    doc: spec.doc,
    text: name,
    replace: { start: replace.start, end: replace.end },
  };
}

function ways(name: string, overloads: readonly Overload[]): string {
  return [...new Set(overloads.map((overload) => signature(name, overload)))].join('\n');
}

function policies(replace: Span, environment: Environment): readonly Completion[] {
  return Object.entries(environment.policies ?? {}).map(([name, { parameters, expression }]) => ({
    label: name,
    kind: 'policy',
    detail: `policy.${name}(${parameters.join(', ')})`,
    doc: expression,
    text: name,
    replace: { start: replace.start, end: replace.end },
  }));
}

/** Names in scope, macro variables included, and functions that are not called on something. */
function namesAt(
  chain: readonly Expr[],
  replace: Span,
  { seen }: Inspection,
  environment: Environment,
): readonly Completion[] {
  const scope =
    chain.map((node) => seen.get(node)?.scope).findLast((one) => one !== undefined) ?? scopeOf(environment);
  const at = { start: replace.start, end: replace.end };
  const names = [...scope.variables].map(
    ([name, { type }]): Completion => ({
      label: name,
      kind: 'name',
      detail: describeType(type),
      text: name,
      replace: at,
    }),
  );
  const global = Object.entries(functions).flatMap(([name, spec]) => {
    const overloads = spec.overloads.filter((overload) => overload.receiver === undefined);
    return overloads.length === 0 ? [] : [functionCompletion(name, spec, overloads, at)];
  });
  return [...names, ...global];
}

/** Values that the other side of a comparison can have. */
function valuesAt(chain: readonly Expr[], replace: Span, { seen }: Inspection): readonly Completion[] {
  const node = chain.at(-1);
  const comparison = chain.findLast(
    (one) => one.kind === 'binary' && ['==', '!=', 'in'].includes(one.operator),
  );
  if (comparison?.kind !== 'binary' || node === undefined) return [];
  const isRight = replace.start >= comparison.left.end;
  const type = seen.get(isRight ? comparison.left : comparison.right)?.type;
  const values = type ? finiteValues(presentOf(type)) : undefined;
  return (values ?? []).map((value): Completion => {
    const text =
      typeof value === 'string'
        ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
        : String(value);
    return {
      label: text,
      kind: 'value',
      detail: 'a value that the contract lists',
      text,
      replace: { start: replace.start, end: replace.end },
    };
  });
}

function fieldDoc(type: Type | undefined, name: string): string | undefined {
  return type && lookup(presentOf(type), name).field?.description;
}
