import type { Expr } from '../ast.ts';
import { evaluationErrors } from '../failure.ts';
import { formatExpression } from '../format.ts';
import { POLICY_DEPTH_MAX } from '../policy-depth.ts';
import { describeType } from '../types/describe.ts';
import {
  ANY,
  BOOLEAN,
  INTEGER,
  literalType,
  membersOf,
  NEVER,
  NUMBER,
  presentOf,
  type Type,
  union,
} from '../types/type.ts';
import { checkArithmetic, checkComparison, checkEquality } from './check-binary.ts';
import { absentInHas, checkCall } from './check-call.ts';
import { checkIdentifier, checkIndex, checkMember, isReported } from './check-path.ts';
import { constantEvaluation } from './constant.ts';
import { type Environment, NO_FACTS, type Scope, scopeOf } from './environment.ts';
import { type ExpressionIssue, Issues } from './issues.ts';
import { constantOf, narrow } from './narrow.ts';

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
  const scope = scopeOf(environment);
  const type = new Checker(issues).condition(ast, scope);
  if (issues.found.length === 0 && !scope.facts.isImpossible) settledWhole(ast, issues);
  return { type, issues: inOrder(issues.found) };
}

/** A condition that no data can change, as it is written: `true`, `!false`, `1 > 2`, `event.a == event.a`. */
function settledWhole(ast: Expr, issues: Issues): void {
  const truth = constantOf(ast);
  if (truth === undefined) return;
  issues.add(truth ? 'always-true' : 'always-false', ast, `\`${textOf(ast)}\` is always ${truth}`);
}

/** As `checkExpression`, for an expression inside text: its value must have a text. The type is that of the value. */
export function checkInterpolation(ast: Expr, environment: Environment): CheckedExpression {
  const issues = new Issues();
  const checker = new Checker(issues);
  const scope = scopeOf(environment);
  const type = checker.visit(ast, scope);
  checker.needs(ast, type, isText, 'cannot-interpolate', (found) => `${found} has no place inside text`);
  return { type, issues: inOrder(issues.found) };
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

/** Issues that no condition could mend. */
const NAMES: ReadonlySet<ExpressionIssue['code']> = new Set([
  'unknown-field',
  'unknown-function',
  'unknown-name',
  'unknown-policy',
]);

/** Nodes whose evaluation can fail, even of what is known to be there. */
const COMPUTES: ReadonlySet<Expr['kind']> = new Set(['call', 'binary', 'unary', 'map']);

/** Bodies of policies that are followed for one expression, at most. */
const POLICY_CHECKS_MAX = 200;

export class Checker {
  issues: Issues;
  /** Told of each node with its type: for what editors show. */
  onVisit: ((node: Expr, type: Type, scope: Scope) => void) | undefined;
  #variables = 0;
  readonly #policies: string[] = [];
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

  /** Why a policy cannot be called from where the check is: the compiler refuses the same. */
  policyProblem(name: string): string | undefined {
    if (this.#policies.includes(name)) return `calls itself: ${[...this.#policies, name].join(' → ')}`;
    return this.#policies.length >= POLICY_DEPTH_MAX
      ? `is called through more than ${POLICY_DEPTH_MAX} others`
      : undefined;
  }

  /** Follows a call into a policy, unless policies fan out without end. */
  inPolicy(name: string, check: () => Type): Type {
    if (this.#policyChecksLeft <= 0) return ANY;
    this.#policyChecksLeft -= 1;
    this.#policies.push(name);
    try {
      return check();
    } finally {
      this.#policies.pop();
    }
  }

  /** The type of a node; `isTolerant`: as the path of `has` or `default`, where anything may be absent or null. */
  visit(node: Expr, scope: Scope, isTolerant = false): Type {
    const before = this.issues.found.length;
    const type = scope.facts.isImpossible
      ? this.#unreachable(node, scope)
      : this.#visitKind(node, scope, isTolerant);
    if (
      COMPUTES.has(node.kind) &&
      type.kind !== 'never' &&
      type.kind !== 'optional' &&
      this.issues.found.length === before
    )
      this.#failsAlways(node);
    this.onVisit?.(node, type, scope);
    return type;
  }

  /** What reads no data fails now or never. */
  #failsAlways(node: Expr): void {
    const evaluated = constantEvaluation(node);
    if (!evaluated || evaluated.ok || evaluated.error.code === 'EXPRESSION_BUDGET_EXCEEDED') return;
    this.issues.add('always-fails', node, `\`${textOf(node)}\` fails each time: ${evaluated.error.message}`, {
      fix: evaluationErrors[evaluated.error.code].fix,
    });
  }

  /**
   * Never evaluated: it adds nothing to what the whole can be, and what conditions leave of its types says nothing. A name that
   * nothing has is wrong all the same, and often a name just like it is why the place cannot be reached. The body of a policy
   * is left alone: which part of it is reached goes by what each caller gives.
   */
  #unreachable(node: Expr, scope: Scope): Type {
    if (this.#policies.length > 0) return NEVER;
    const found = new Issues();
    const open: Scope = { ...scope, facts: NO_FACTS, work: { left: 0 } };
    this.with(found, () => this.#visitKind(node, open, false));
    for (const issue of found.found) if (NAMES.has(issue.code)) this.issues.take(issue);
    return NEVER;
  }

  #visitKind(node: Expr, scope: Scope, isTolerant: boolean): Type {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'identifier':
        return checkIdentifier(this, node, scope);
      case 'member':
        return checkMember(this, node, scope, isTolerant);
      case 'index':
        return checkIndex(this, node, scope, isTolerant);
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
    if (isReported(this, node, node)) return;
    this.issues.add('value-may-be-null', node, `\`${textOf(node)}\` may be null`, {
      fix: `test \`${textOf(node)} != null\` first, or write \`default(${textOf(node)}, …)\``,
    });
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
      const absent = absentInHas(node.operand, scope);
      if (absent !== undefined) {
        // Said of the whole, which is what the author thinks of.
        this.issues.quietly(() => this.visit(node.operand, scope));
        this.issues.add('always-true', node, `\`${textOf(node)}\` is always true here: ${absent}`);
        return literalType(true);
      }
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
        const before = this.issues.found.length;
        this.condition(node.left, scope);
        this.condition(node.right, narrow(node.left, node.operator === '&&', scope));
        // One cause, one issue: what was said of a part settles the whole.
        if (this.issues.found.length === before) this.#settled(node, scope);
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

  /** Parts that each can hold but not together, or of which one always does. */
  #settled(node: Extract<Expr, { kind: 'binary' }>, scope: Scope): void {
    const truth = node.operator === '||';
    if (!narrow(node, !truth, scope).facts.isImpossible) return;
    this.issues.add(
      truth ? 'always-true' : 'always-false',
      node,
      `\`${textOf(node)}\` is always ${truth}: its parts ${truth ? 'leave no other case' : 'contradict each other'}`,
    );
  }
}

const TEXT_SHOWN_MAX = 60;

/** The text of a node, for messages; cut where it is long. */
export function textOf(node: Expr): string {
  const text = formatExpression(node);
  return text.length > TEXT_SHOWN_MAX ? `${text.slice(0, TEXT_SHOWN_MAX)}…` : text;
}
