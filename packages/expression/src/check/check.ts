import type { Expr } from '../ast.ts';
import { formatExpression } from '../format.ts';
import { describeType } from '../types/describe.ts';
import {
  ANY,
  BOOLEAN,
  INTEGER,
  isNullable,
  itemAt,
  literalType,
  membersOf,
  NEVER,
  NUMBER,
  optionalOf,
  presentOf,
  STRING,
  type Type,
  union,
  withoutNull,
} from '../types/type.ts';
import { checkArithmetic, checkComparison, checkEquality } from './check-binary.ts';
import { checkCall } from './check-call.ts';
import { type Environment, factAt, keyOf, pathOf, type Scope, scopeOf, typeAt } from './environment.ts';
import { type ExpressionIssue, Issues, nameAdvice } from './issues.ts';
import { fieldNames, lookup } from './lookup.ts';
import { narrow } from './narrow.ts';

export interface CheckedExpression {
  /** The type of its value; an `optional` one may be absent. */
  readonly type: Type;
  readonly issues: readonly ExpressionIssue[];
}

/**
 * Finds what can go wrong when an expression is evaluated over any data that fits the types: a tree without issues
 * never fails for a reason that the types tell. Syntax errors are the parser's; `error` nodes are passed over.
 */
export function checkExpression(ast: Expr, environment: Environment): CheckedExpression {
  const issues = new Issues();
  const type = new Checker(issues).visit(ast, scopeOf(environment));
  return { type, issues: inOrder(issues.found) };
}

/** As `checkExpression`, for a condition: it must be true or false. */
export function checkCondition(ast: Expr, environment: Environment): CheckedExpression {
  const issues = new Issues();
  const type = new Checker(issues).condition(ast, scopeOf(environment));
  return { type, issues: inOrder(issues.found) };
}

/** As `checkExpression`, for an expression inside text: its value must have a text. */
export function checkInterpolation(ast: Expr, environment: Environment): CheckedExpression {
  const issues = new Issues();
  const checker = new Checker(issues);
  const scope = scopeOf(environment);
  const type = checker.visit(ast, scope);
  checker.needs(ast, type, isText, 'cannot-interpolate', (found) => `${found} has no place inside text`);
  return { type: STRING, issues: inOrder(issues.found) };
}

/** What is known where `condition` was true (or, with `truth` false, was false). */
export function assume(condition: Expr, environment: Environment, truth = true): Environment {
  const { facts } = narrow(condition, truth, scopeOf(environment));
  return { ...environment, facts };
}

function inOrder(issues: readonly ExpressionIssue[]): readonly ExpressionIssue[] {
  return [...issues].sort((a, b) => a.start - b.start || a.end - b.end);
}

function isText(type: Type): boolean {
  return ['string', 'number', 'boolean', 'timestamp', 'duration'].includes(type.kind);
}

/** A member or index whose absence is allowed for: by `has`, `default`, `.?` and what follows `.?`. */
function isOptionalChain(node: Expr): boolean {
  if (node.kind !== 'member' && node.kind !== 'index') return false;
  return node.optional || isOptionalChain(node.object);
}

/** Bodies of policies that are followed for one expression, at most. */
const POLICY_CHECKS_MAX = 200;

export class Checker {
  issues: Issues;
  #variables = 0;
  #policies = 0;
  #policyChecksLeft = POLICY_CHECKS_MAX;

  constructor(issues: Issues) {
    this.issues = issues;
  }

  /** A key for a macro's variable that no other variable has. */
  newKey(name: string): string {
    this.#variables += 1;
    return `${name}#${this.#variables}`;
  }

  /** Runs a check with issues of its own: those of a policy's body are not of the text that calls it. */
  with<T>(issues: Issues, check: () => T): T {
    const outer = this.issues;
    this.issues = issues;
    try {
      return check();
    } finally {
      this.issues = outer;
    }
  }

  /** Follows a call into a policy, unless it is too deep, which the compiler refuses, or policies fan out without end. */
  inPolicy(depthMax: number, check: () => Type): Type {
    if (this.#policies >= depthMax || this.#policyChecksLeft <= 0) return ANY;
    this.#policyChecksLeft -= 1;
    this.#policies += 1;
    try {
      return check();
    } finally {
      this.#policies -= 1;
    }
  }

  /** The type of a node; `isTolerant`: as the path of `has` or `default`, where anything may be absent or null. */
  visit(node: Expr, scope: Scope, isTolerant = false): Type {
    // Never evaluated: it adds nothing to what the whole can be.
    if (scope.facts.isImpossible) return NEVER;
    return this.#visitKind(node, scope, isTolerant);
  }

  #visitKind(node: Expr, scope: Scope, isTolerant: boolean): Type {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'identifier':
        return this.#identifier(node, scope);
      case 'member':
        return this.#member(node, scope, isTolerant);
      case 'index':
        return this.#index(node, scope, isTolerant);
      case 'list':
        return this.#list(node, scope);
      case 'map':
        return this.#map(node, scope);
      case 'unary':
        return this.#unary(node, scope);
      case 'binary':
        return this.#binary(node, scope);
      case 'conditional': {
        this.condition(node.test, scope);
        const yes = this.visit(node.yes, narrow(node.test, true, scope));
        const no = this.visit(node.no, narrow(node.test, false, scope));
        return union([yes, no]);
      }
      case 'call':
        return checkCall(this, node, scope);
      case 'error':
        return ANY;
    }
  }

  /** Visits an operand that must be a boolean. */
  condition(node: Expr, scope: Scope): Type {
    const type = this.visit(node, scope);
    this.needs(
      node,
      type,
      (member) => member.kind === 'boolean',
      'condition-not-boolean',
      (found) => `a condition must be true or false; \`${textOf(node)}\` is ${found}`,
    );
    return type;
  }

  /** Visits an operand that must be there; gives its type, `any` where an issue was found. */
  value(node: Expr, scope: Scope): Type {
    return this.present(node, this.visit(node, scope));
  }

  present(node: Expr, type: Type): Type {
    if (type.kind !== 'optional') return type;
    this.issues.add('value-may-be-absent', node, `\`${textOf(node)}\` may be absent`, {
      fix: 'settle it with `.orValue(…)`, or test `.hasValue()` first',
    });
    return ANY;
  }

  /**
   * Says what is wrong when a value is not, in all of its variants, what is needed: absent, null, or of another type.
   * Gives whether it was right.
   */
  needs(
    node: Expr,
    type: Type,
    fits: (member: Type) => boolean,
    code: ExpressionIssue['code'],
    message: (found: string) => string,
    fix?: string,
  ): boolean {
    if (type.kind === 'any' || type.kind === 'never') return true;
    if (type.kind === 'optional') {
      this.present(node, type);
      return false;
    }
    const wrong = membersOf(type).filter((member) => !fits(member));
    if (wrong.length === 0) return true;
    const onlyNull = wrong.every((member) => member.kind === 'null') && wrong.length < membersOf(type).length;
    if (onlyNull) this.mayBeNull(node);
    else this.issues.add(code, node, message(describeType(type)), { fix });
    return false;
  }

  mayBeNull(node: Expr): void {
    if (this.#isReported(node, node)) return;
    this.issues.add('value-may-be-null', node, `\`${textOf(node)}\` may be null`, {
      fix: `test \`${textOf(node)} != null\` first, or write \`default(${textOf(node)}, …)\``,
    });
  }

  /**
   * Was it said already that something on the way of this path may not be there? One guard mends the whole path, so
   * its advice is made to name all of it.
   */
  #isReported(object: Expr, whole: Expr): boolean {
    if (object.kind !== 'member' && object.kind !== 'index') return false;
    const reported = this.issues.found.find(
      (issue) => ON_THE_WAY.has(issue.code) && issue.start >= object.start && issue.end <= object.end,
    );
    if (reported === undefined) return false;
    if (object !== whole) this.issues.advise(reported, guardAdvice(whole));
    return true;
  }

  #identifier(node: Extract<Expr, { kind: 'identifier' }>, scope: Scope): Type {
    const variable = scope.variables.get(node.name);
    if (variable) return typeAt(scope, [variable.key]).type;
    const names = [...scope.variables.keys()];
    const steps = scope.variables.get('steps')?.type;
    const isStep = steps !== undefined && lookup(steps, node.name).field !== undefined;
    this.issues.add(
      'unknown-name',
      node,
      `there is no \`${node.name}\` here`,
      isStep
        ? { fix: `write \`steps.${node.name}\``, replacement: `steps.${node.name}` }
        : nameAdvice(node.name, names),
    );
    return ANY;
  }

  #member(node: Extract<Expr, { kind: 'member' }>, scope: Scope, isTolerant: boolean): Type {
    const isChain = isOptionalChain(node);
    const object = this.visit(node.object, scope, isTolerant);
    if (node.name === '') return ANY;
    return this.#read(node, node.name, node.nameSpan, object, scope, isTolerant, isChain);
  }

  #read(
    node: Extract<Expr, { kind: 'member' | 'index' }>,
    name: string,
    nameSpan: { readonly start: number; readonly end: number },
    object: Type,
    scope: Scope,
    isTolerant: boolean,
    isChain: boolean,
  ): Type {
    const isLenient = isTolerant || isChain || object.kind === 'optional';
    const give = (type: Type): Type => (isChain || object.kind === 'optional' ? optionalOf(type) : type);
    const path = pathOf(node, scope);
    const fact = path && factAt(scope, path);
    // Known to be there: by that, all that holds it is known too.
    if (fact?.isPresent) return give(fact.type);
    const holder = presentOf(object);
    if (holder.kind === 'any' || holder.kind === 'never') return give(fact?.type ?? ANY);
    const isReported = !isLenient && this.#isReported(node.object, node);
    if (!isLenient && !isReported && isNullable(holder)) {
      if (withoutNull(holder).kind === 'never')
        this.issues.add('wrong-operand', node.object, `\`${textOf(node.object)}\` is null here`);
      else this.mayBeNull(node.object);
    }
    const found = lookup(holder, name);
    const owner = textOf(node.object);
    if (found.type === undefined) {
      const names = fieldNames(holder);
      const isObject = membersOf(holder).some((member) => member.kind === 'object');
      this.issues.add(
        'unknown-field',
        nameSpan,
        isObject
          ? `\`${owner}\` has no field \`${name}\``
          : `\`${owner}\` is ${describeType(withoutNull(holder))}: it has no fields`,
        nameAdvice(name, names),
      );
      return ANY;
    }
    const type = fact?.type ?? found.type;
    if (isLenient) return give(type);
    if (isReported || (isNullable(holder) && this.#isReported(node.object, node))) return type;
    if (found.without.length > 0) {
      this.issues.add(
        'variant-not-narrowed',
        nameSpan,
        `only some variants of \`${owner}\` have \`${name}\``,
        { fix: discriminatorAdvice(owner, name, holder) },
      );
      return type;
    }
    if (found.mayBeAbsent) {
      const what = isNullable(type) ? 'may be absent or null' : 'may be absent';
      const fix = isNullable(type) ? `write \`default(${textOf(node)}, …)\`` : guardAdvice(node);
      this.issues.add('field-may-be-absent', nameSpan, `\`${textOf(node)}\` ${what}`, { fix });
    }
    return type;
  }

  #index(node: Extract<Expr, { kind: 'index' }>, scope: Scope, isTolerant: boolean): Type {
    const isChain = isOptionalChain(node);
    const object = this.visit(node.object, scope, isTolerant);
    const { index } = node;
    if (index.kind === 'literal' && typeof index.value === 'string')
      return this.#read(node, index.value, index, object, scope, isTolerant, isChain);
    const at = this.value(index, scope);
    const isLenient = isTolerant || isChain || object.kind === 'optional';
    const give = (type: Type): Type => (isChain || object.kind === 'optional' ? optionalOf(type) : type);
    const holder = isLenient ? withoutNull(presentOf(object)) : object;
    const fits = (member: Type): boolean => member.kind === 'list' || member.kind === 'object';
    if (holder.kind === 'any' || holder.kind === 'never') return give(ANY);
    if (
      !this.needs(
        node.object,
        holder,
        fits,
        'wrong-operand',
        (found) => `\`[ ]\` reads lists and objects, not ${found}`,
      )
    )
      return ANY;
    const types = membersOf(holder).map((member): Type => {
      if (member.kind === 'list') return this.#item(node, member, at, scope, isLenient);
      this.needs(
        index,
        at,
        (one) => one.kind === 'string',
        'wrong-operand',
        (found) => `an object is read by a string, not ${found}`,
      );
      // Which field it is is known only when it runs, and so is whether it is there.
      if (!isLenient)
        this.issues.add('field-may-be-absent', node, `\`${textOf(node)}\` may be absent`, {
          fix: 'read it with `[?…]` and settle it with `.orValue(…)`',
        });
      const fields = member.kind === 'object' ? [...member.fields.values()].map((field) => field.type()) : [];
      const rest = member.kind === 'object' ? member.rest?.('') : undefined;
      return union([...fields, ...(rest ? [rest] : [])]);
    });
    return give(union(types));
  }

  #item(
    node: Extract<Expr, { kind: 'index' }>,
    list: Extract<Type, { kind: 'list' }>,
    at: Type,
    scope: Scope,
    isLenient: boolean,
  ): Type {
    const { index } = node;
    const fits = (one: Type): boolean => one.kind === 'number' && one.isInteger;
    const isInteger = this.needs(
      index,
      at,
      fits,
      membersOf(at).every((one) => one.kind === 'number') ? 'integer-expected' : 'wrong-operand',
      (found) => `a list is read by an integer, not ${found}`,
    );
    const position = index.kind === 'literal' && typeof index.value === 'number' ? index.value : undefined;
    const path = pathOf(node, scope);
    const fact = path && scope.facts.byPath.get(keyOf(path));
    if (fact?.isPresent) return fact.type;
    const isThere = position !== undefined && position >= 0 && position < list.itemsMin;
    if (!isLenient && isInteger && !isThere)
      this.issues.add(
        'field-may-be-absent',
        node,
        `\`${textOf(node)}\` may be absent: the list may be shorter`,
        {
          fix: `test \`size(${textOf(node.object)}) > ${position ?? '…'}\` first, or read it with \`[?…]\``,
        },
      );
    if (position !== undefined && Number.isInteger(position)) return itemAt(list, position);
    return union([list.item(), ...list.first.map((item) => item())]);
  }

  #list(node: Extract<Expr, { kind: 'list' }>, scope: Scope): Type {
    const types = node.items.map((item) =>
      item.optional ? presentOf(this.visit(item.value, scope)) : this.value(item.value, scope),
    );
    const item = types.length === 0 ? NEVER : union(types);
    const itemsMin = node.items.filter((one) => !one.optional).length;
    return { kind: 'list', item: () => item, first: [], itemsMin };
  }

  #map(node: Extract<Expr, { kind: 'map' }>, scope: Scope): Type {
    const fields = new Map<string, { type: () => Type; required: boolean }>();
    let rest: Type | undefined;
    for (const entry of node.entries) {
      const key = this.value(entry.key, scope);
      this.needs(
        entry.key,
        key,
        (one) => one.kind === 'string',
        'wrong-operand',
        (found) => `the names of an object are strings, not ${found}`,
      );
      const type = entry.optional
        ? presentOf(this.visit(entry.value, scope))
        : this.value(entry.value, scope);
      const name =
        entry.key.kind === 'literal' && typeof entry.key.value === 'string' ? entry.key.value : undefined;
      if (name === undefined) rest = union([...(rest ? [rest] : []), type]);
      else fields.set(name, { type: () => type, required: !entry.optional });
    }
    const other = rest;
    return { kind: 'object', fields, ...(other && { rest: () => other }), isPartial: false, isClosed: true };
  }

  #unary(node: Extract<Expr, { kind: 'unary' }>, scope: Scope): Type {
    if (node.operator === '!') {
      const type = this.condition(node.operand, scope);
      const only = type.kind === 'boolean' && type.values?.length === 1 ? type.values[0] : undefined;
      return only === undefined ? BOOLEAN : literalType(!only);
    }
    const type = this.value(node.operand, scope);
    this.needs(
      node.operand,
      type,
      (one) => one.kind === 'number',
      'wrong-operand',
      (found) => `\`-\` needs a number, not ${found}`,
    );
    return membersOf(type).every((one) => one.kind === 'number' && one.isInteger) ? INTEGER : NUMBER;
  }

  #binary(node: Extract<Expr, { kind: 'binary' }>, scope: Scope): Type {
    switch (node.operator) {
      case '&&':
      case '||': {
        this.condition(node.left, scope);
        this.condition(node.right, narrow(node.left, node.operator === '&&', scope));
        return BOOLEAN;
      }
      case '==':
      case '!=':
        return checkEquality(this, node, scope);
      case 'in':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return checkComparison(this, node, scope);
      default:
        return checkArithmetic(this, node, scope);
    }
  }
}

const ON_THE_WAY: ReadonlySet<string> = new Set([
  'field-may-be-absent',
  'value-may-be-null',
  'variant-not-narrowed',
]);

function guardAdvice(node: Expr): string {
  return `guard it with \`has(${textOf(node)})\`, or write \`default(${textOf(node)}, …)\``;
}

/** Which test tells the variants apart: a field with one value in each, or `has`. */
function discriminatorAdvice(owner: string, name: string, type: Type): string {
  const objects = membersOf(type).filter((member) => member.kind === 'object');
  const [first] = objects;
  if (first && objects.length === membersOf(withoutNull(type)).length)
    for (const [field, { required }] of first.fields) {
      if (!required) continue;
      const values = objects.flatMap((object) => {
        const inner = object.fields.get(field)?.type();
        const isWith = object.fields.has(name);
        return inner?.kind === 'string' && inner.values ? [{ isWith, value: inner.values[0]! }] : [];
      });
      const match = values.find((one) => one.isWith);
      if (values.length === objects.length && match && new Set(values.map((one) => one.value)).size > 1)
        return `test \`${owner}.${field} == '${match.value}'\` first`;
    }
  return `test \`has(${owner}.${name})\` first`;
}

const TEXT_SHOWN_MAX = 60;

/** The text of a node, for messages; cut where it is long. */
export function textOf(node: Expr): string {
  const text = formatExpression(node);
  return text.length > TEXT_SHOWN_MAX ? `${text.slice(0, TEXT_SHOWN_MAX)}…` : text;
}
