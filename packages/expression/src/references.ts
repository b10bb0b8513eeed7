import type { Expr, Reference, Span } from './ast.ts';
import { type BindingMacro, bindingMacro, type Call } from './macros.ts';

/** Roots of calls that are no data: `policy.isLarge(x)`, `optional.of(x)`. */
const NAMESPACES: ReadonlySet<string> = new Set(['policy', 'optional']);

type Segment = Reference['path'][number];
interface Chain {
  readonly root: string;
  readonly path: readonly Segment[];
  readonly span: Span;
}
/** What macro variables stand for; `undefined` for one that stands for a computed value. */
type Bindings = ReadonlyMap<string, Chain | undefined>;

/**
 * Every reference in an expression whose root is not bound by a macro, with the elements macros range over as `*`.
 * A segment that `has`, `default`, `.?` or `[?]` allows to be absent is `optional`. A field compared with several
 * literals (`x in ['a', 'b']`) is listed once for each.
 */
export function references(ast: Expr): readonly Reference[] {
  const known = referencesByTree.get(ast);
  if (known) return known;
  const found: Reference[] = [];
  visit(ast, new Map(), found);
  referencesByTree.set(ast, found);
  return found;
}

/** Every check of a pipeline asks for them, and most trees are the same ones at the next check. */
const referencesByTree = new WeakMap<Expr, readonly Reference[]>();

/** A call by name: of a function, a method, or (`namespace`) a policy. */
export interface CallSite {
  readonly name: string;
  readonly namespace?: 'policy' | 'optional';
  readonly nameSpan: Span;
  readonly span: Span;
  readonly arguments: number;
}

/** Every call in an expression, in order of text. */
export function calls(ast: Expr): readonly CallSite[] {
  const found: CallSite[] = [];
  const walk = (node: Expr): void => {
    if (node.kind === 'call') {
      const namespace = namespaceOf(node);
      found.push({
        name: node.name,
        ...(namespace !== undefined && { namespace }),
        nameSpan: node.nameSpan,
        span: { start: node.start, end: node.end },
        arguments: node.args.length,
      });
    }
    for (const child of children(node)) walk(child);
  };
  walk(ast);
  return found;
}

/** `policy` or `optional` when a call's target is that name and no value. */
export function namespaceOf(call: Call): 'policy' | 'optional' | undefined {
  const { target } = call;
  if (target?.kind !== 'identifier' || !NAMESPACES.has(target.name)) return undefined;
  return target.name === 'policy' ? 'policy' : 'optional';
}

/** Direct children, in order of text. */
export function children(node: Expr): readonly Expr[] {
  switch (node.kind) {
    case 'list':
      return node.items.map((item) => item.value);
    case 'map':
      return node.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'member':
      return [node.object];
    case 'index':
      return [node.object, node.index];
    case 'call':
      return node.target && namespaceOf(node) === undefined ? [node.target, ...node.args] : node.args;
    case 'unary':
      return [node.operand];
    case 'binary':
      return [node.left, node.right];
    case 'conditional':
      return [node.test, node.yes, node.no];
    default:
      return [];
  }
}

/** `itemsUnread`: whoever asks takes of a list that it is there and how long, or notes for itself what it takes of the items. */
function visit(node: Expr, bindings: Bindings, found: Reference[], itemsUnread = false): void {
  const chain = node.kind === 'call' ? undefined : chainOf(node, bindings);
  if (chain !== undefined) {
    found.push(itemsUnread ? { ...chain, itemsUnread } : chain);
    visitIndexes(node, bindings, found);
    return;
  }
  if (node.kind === 'identifier') return;
  if (node.kind === 'call') {
    visitCall(node, bindings, found, itemsUnread);
    return;
  }
  if (node.kind === 'binary' && visitComparison(node, bindings, found)) return;
  for (const child of children(node)) visit(child, bindings, found);
}

function visitCall(call: Call, bindings: Bindings, found: Reference[], itemsUnread = false): void {
  const macro = bindingMacro(call);
  if (macro) {
    // What `filter` gives are items, so they are read as its own value is; of a computed list nothing is noted later.
    const isListed = macro.overItems && chainOf(macro.range, bindings) !== undefined;
    visit(macro.range, bindings, found, isListed && (macro.name !== 'filter' || itemsUnread));
    const inner = bound(macro, bindings);
    if (macro.filter) visit(macro.filter, inner, found);
    visit(macro.body, inner, found);
    return;
  }
  const [path, ...rest] = call.args;
  const chain = call.target === undefined && path ? chainOf(path, bindings) : undefined;
  if (chain && (call.name === 'has' || call.name === 'default')) {
    found.push({ ...optionalChain(chain), ...(itemsUnread && { itemsUnread }) });
    visitIndexes(path!, bindings, found);
    for (const arg of rest) visit(arg, bindings, found);
    return;
  }
  const isSize = call.name === 'size' && namespaceOf(call) === undefined;
  for (const child of children(call)) visit(child, bindings, found, isSize);
}

/** `field == 'literal'`, either way round, and `field in ['a', 'b']`. */
function visitComparison(
  node: Extract<Expr, { kind: 'binary' }>,
  bindings: Bindings,
  found: Reference[],
): boolean {
  const { operator, left, right } = node;
  const isEquality = operator === '==' || operator === '!=';
  if (!isEquality && operator !== 'in') return false;
  const [subject, other] = isEquality && left.kind === 'literal' ? [right, left] : [left, right];
  const chain = chainOf(subject, bindings);
  if (chain === undefined) return false;
  const literals = isEquality ? [other] : other.kind === 'list' ? other.items.map((item) => item.value) : [];
  if (literals.length === 0 || !literals.every((literal) => literal.kind === 'literal')) return false;
  for (const literal of literals) found.push({ ...chain, comparedWith: literal.value });
  visitIndexes(subject, bindings, found);
  return true;
}

/** Expressions inside the brackets of a chain: `steps.a.items[event.n]` reads `event.n` too. */
function visitIndexes(node: Expr, bindings: Bindings, found: Reference[]): void {
  if (node.kind === 'member') visitIndexes(node.object, bindings, found);
  else if (node.kind === 'index') {
    visitIndexes(node.object, bindings, found);
    if (node.index.kind !== 'literal') visit(node.index, bindings, found);
  } else if (node.kind === 'call') {
    const field = fieldWithDefault(node);
    if (field) visitIndexes(field, bindings, found);
    else visitCall(node, bindings, found, true);
  }
}

function bound(macro: BindingMacro, bindings: Bindings): Bindings {
  const range = chainOf(macro.range, bindings);
  const item = range && macro.overItems ? extend(range, '*', false, macro.range) : range;
  return new Map(bindings).set(macro.variable, item);
}

/** The chain that a node's value is found at, as far as that is known. */
function chainOf(node: Expr, bindings: Bindings): Chain | undefined {
  switch (node.kind) {
    case 'identifier': {
      if (bindings.has(node.name)) return bindings.get(node.name);
      return { root: node.name, path: [], span: { start: node.start, end: node.end } };
    }
    case 'member': {
      const object = chainOf(node.object, bindings);
      return object && node.name !== ''
        ? extend(object, node.name, node.optional, node, node.nameSpan)
        : object;
    }
    case 'index': {
      const object = chainOf(node.object, bindings);
      const { index } = node;
      const name = index.kind === 'literal' && typeof index.value === 'string' ? index.value : '*';
      return object && extend(object, name, node.optional, node, { start: index.start, end: index.end });
    }
    case 'call':
      return chainOfCall(node, bindings);
    default:
      return undefined;
  }
}

/** Calls that give back (part of) what they are given: the items of `filter` are items of its range. */
function chainOfCall(call: Call, bindings: Bindings): Chain | undefined {
  const macro = bindingMacro(call);
  if (macro?.name === 'filter') return chainOf(macro.range, bindings);
  const field = fieldWithDefault(call);
  const chain = field && chainOf(field, bindings);
  return chain && { ...optionalChain(chain), span: { start: call.start, end: call.end } };
}

function optionalChain(chain: Chain): Chain {
  return { ...chain, path: chain.path.map((segment) => ({ ...segment, optional: true })) };
}

/** The field of a `default(field, value)` whose other value is read from nowhere. */
function fieldWithDefault({ name, target, args: [field, value] }: Call): Expr | undefined {
  const isDefault = name === 'default' && target === undefined && value !== undefined;
  return isDefault && references(value).length === 0 ? field : undefined;
}

function extend(chain: Chain, name: string, optional: boolean, node: Span, nameSpan: Span = node): Chain {
  const segment: Segment = { name, optional, start: nameSpan.start, end: nameSpan.end };
  return {
    root: chain.root,
    path: [...chain.path, segment],
    span: { start: node.start, end: node.end },
  };
}
