import {
  ANY,
  type CheckedExpression,
  checkCondition,
  checkExpression,
  checkInterpolation,
  type ExpressionIssue,
  expressionRules,
  type ParsedExpression,
  type Reference,
  references,
  type Type,
} from '@tenon/expression';
import { type Diagnostic, diagnosticMaker, didYouMean, type Location, toPointer } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { SpecExpression } from '../../spec/template.ts';
import { CONNECTION } from './incoming.ts';
import { policyArguments } from './policy-arguments.ts';
import { REFUSED } from './refused.ts';
import type { Scope, UsageTarget } from './scope.ts';

/** Makes a finding of the expression package, whose codes say what is wrong between an expression and its types. */
export const expressionDiagnostic = diagnosticMaker(expressionRules);

/** A read of a contract's data, found in an expression. */
export interface Read {
  readonly source: UsageTarget;
  /** JSON Pointer into the payload; `*` for every item. */
  readonly path: string;
  readonly at: Location;
  readonly expression: string;
  readonly comparedWith?: null | boolean | number | string;
  readonly itemsUnread?: true;
  /** Only whether it is there is asked. */
  readonly isNaming?: true;
}

export interface ExpressionCheck {
  readonly diagnostics: readonly Diagnostic[];
  readonly reads: readonly Read[];
  /** The type of its value; `any` where something is wrong with it. */
  readonly type: Type;
}

/** A policy that expressions may call. */
export interface PolicyRule {
  readonly parameters: readonly string[];
  readonly condition: ParsedExpression;
}
export type PolicyRules = ReadonlyMap<string, PolicyRule>;

/** What the place of an expression needs: any value, true or false, or something that has a text. */
export type Use = 'value' | 'condition' | 'text';

const CHECKS = {
  value: checkExpression,
  condition: checkCondition,
  text: checkInterpolation,
} as const satisfies Record<Use, unknown>;

/** Checks one expression against the types of its place, and notes what it reads of contracts' data. */
export function checkInScope(
  expression: SpecExpression,
  use: Use,
  scope: Scope,
  policies: PolicyRules,
): ExpressionCheck {
  const { parsed } = expression;
  if (parsed.errors.length > 0) {
    const diagnostics = parsed.errors.map((error) =>
      diagnostic('expression-syntax', {
        message: error.message,
        at: expression.locate(error),
        subject: `${expression.source} ${error.message}`,
        fix: error.fix,
      }),
    );
    return { diagnostics, reads: [], type: ANY };
  }
  const read = references(parsed.ast);
  const steps = read.flatMap((reference) => [
    ...stepProblem(expression, reference, scope),
    ...connectionProblem(expression, reference, scope),
  ]);
  const checked: CheckedExpression = CHECKS[use](parsed.ast, scope.environment);
  const issues = checked.issues.filter((issue) => !steps.some(({ span }) => span.start === issue.start));
  // What only has a warning runs, so its type holds and what follows from it is checked.
  const isWrong = steps.length > 0 || issues.some(({ code }) => expressionRules[code].severity === 'error');
  return {
    diagnostics: [
      ...steps.map(({ problem }) => problem),
      ...issues.map((issue) => issueDiagnostic(expression, refusalAdvice(issue, read, scope) ?? issue)),
    ],
    reads: readsOf(expression, read, scope, policies),
    type: isWrong ? ANY : checked.type,
  };
}

/** A refusal that is looked at, of a step that takes none: nobody misspelt a field there. */
function refusalAdvice(
  issue: ExpressionIssue,
  read: readonly Reference[],
  scope: Scope,
): ExpressionIssue | undefined {
  if (issue.code !== 'unknown-field') return undefined;
  const reference = read.find(
    ({ root, path: [, member] }) =>
      root === 'steps' && member?.name === REFUSED && member.start === issue.start,
  );
  const id = reference?.path[0]?.name;
  const names = scope.sources.get(`steps.${id}`)?.refusable?.() ?? [];
  if (names.length === 0) return undefined;
  const { code, message, start, end } = issue;
  const listed = names.map((name) => `\`${name}\``).join(', ');
  const fix = `let the step take it: \`refusals: […]\` at \`${id}\`, with those of ${listed} that are to be a value`;
  return { code, message, start, end, fix };
}

export function issueDiagnostic(expression: SpecExpression, issue: ExpressionIssue): Diagnostic {
  return expressionDiagnostic(issue.code, {
    message: issue.message,
    at: expression.locate(issue),
    subject: `${expression.source} ${issue.message}`,
    fix: issue.fix,
    edit: issue.replacement && {
      range: expression.locate(issue.replacement).range,
      text: issue.replacement.text,
    },
  });
}

const STEP_PROBLEMS = {
  withoutResult: ['step-without-result', 'leaves no result to read'],
  withoutOutput: ['output-undeclared', 'runs a pipeline that declares no `output`'],
  later: ['step-not-run-yet', 'has not run at this point'],
  self: ['step-not-run-yet', 'reads its own result'],
  otherBranch: ['step-in-other-branch', 'is in another branch: when this runs, it has not'],
  beside: ['step-in-other-branch', 'goes on in a branch beside this one: read it after the `parallel`'],
  insideList: ['step-in-list', 'is carried out once for each item: read `result` of its `forEach`'],
} as const;

/** What is wrong with the step that a reference names, in words of steps rather than of fields. */
function stepProblem(
  expression: SpecExpression,
  { root, path }: Reference,
  scope: Scope,
): { readonly problem: Diagnostic; readonly span: Reference['span'] }[] {
  const [id] = path;
  // `steps` as a whole, or a step by a computed name, is the type checker's matter.
  if (root !== 'steps' || !id || id.name === '*' || scope.environment.variables['steps'] === undefined)
    return [];
  const why = scope.unreadable.get(id.name);
  if (why === undefined && scope.steps.includes(id.name)) return [];
  const at = expression.locate(id);
  const subject = `${expression.source} ${id.name}`;
  if (why !== undefined) {
    const [code, what] = STEP_PROBLEMS[why];
    return [{ problem: diagnostic(code, { message: `step \`${id.name}\` ${what}`, at, subject }), span: id }];
  }
  const near = didYouMean(id.name, scope.steps);
  const problem = diagnostic('unknown-step', {
    message: `there is no step \`${id.name}\``,
    at,
    subject,
    misspelt: { name: id.name, meant: near },
  });
  return [{ problem, span: id }];
}

/** There is no such name, where the event came over no connection. */
function connectionProblem(
  expression: SpecExpression,
  { root, span }: Reference,
  { environment, unconnected }: Scope,
): { readonly problem: Diagnostic; readonly span: Reference['span'] }[] {
  if (root !== CONNECTION || unconnected === undefined || environment.variables[CONNECTION] !== undefined)
    return [];
  const at = expression.locate(span);
  const problem = diagnostic('connection-absent', { ...unconnected, at, subject: expression.source });
  return [{ problem, span }];
}

/** Policies that call policies, at most. */
const POLICY_DEPTH_MAX = 16;

function readsOf(
  expression: SpecExpression,
  read: readonly Reference[],
  scope: Scope,
  policies: PolicyRules,
): readonly Read[] {
  const found: Read[] = [];
  const passed = policyArguments(expression.parsed.ast);
  for (const reference of read) {
    const names = reference.path.map(({ name }) => name);
    const isStep = reference.root === 'steps';
    const source = scope.sources.get(isStep ? `steps.${names[0]}` : reference.root);
    if (!source) continue;
    const { path: base = [], refused, refusable: _names, ...payload } = source;
    const path = [...base, ...(isStep ? names.slice(1) : names)];
    const at = expression.locate(reference.span);
    if (refused !== undefined && path[0] === REFUSED) {
      // Its code and status are the connector's word, not the contract's.
      const [, part, ...inner] = path;
      const isAsked = part === undefined && reference.path.at(-1)?.optional === true;
      if (part === undefined || part === 'body') note(refused, inner, at, reference, isAsked);
      continue;
    }
    const argument = passed.find(
      ({ start, end }) => start === reference.span.start && end === reference.span.end,
    );
    const rule = argument && policies.get(argument.policy);
    const parameter = rule?.parameters[argument?.index ?? -1];
    if (rule && parameter !== undefined) throughPolicy(rule, parameter, payload, path, at, 0);
    else note(payload, path, at, reference);
  }
  return found;

  function note(
    source: UsageTarget,
    path: readonly string[],
    at: Location,
    { comparedWith, itemsUnread }: Pick<Reference, 'comparedWith' | 'itemsUnread'>,
    isNaming = false,
  ) {
    found.push({
      source,
      path: toPointer(path),
      at,
      expression: expression.source,
      ...(comparedWith !== undefined && { comparedWith }),
      ...(itemsUnread && { itemsUnread }),
      ...(isNaming && { isNaming }),
    });
  }

  /** What is passed to a policy is read as far as the policy's condition reads its parameter. */
  function throughPolicy(
    rule: PolicyRule,
    parameter: string,
    source: UsageTarget,
    path: readonly string[],
    at: Location,
    depth: number,
  ): void {
    const inner = policyArguments(rule.condition.ast);
    for (const reference of references(rule.condition.ast)) {
      const { root, path: below, span } = reference;
      if (root !== parameter) continue;
      const here = [...path, ...below.map(({ name }) => name)];
      const onward = inner.find(({ start, end }) => start === span.start && end === span.end);
      const target = onward && policies.get(onward.policy);
      const passedOn = target?.parameters[onward?.index ?? -1];
      if (target && passedOn !== undefined && depth < POLICY_DEPTH_MAX)
        throughPolicy(target, passedOn, source, here, at, depth + 1);
      else note(source, here, at, reference);
    }
  }
}
