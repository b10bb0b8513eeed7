import type { Expr } from '../ast.ts';
import {
  type FunctionSpec,
  functions,
  type Overload,
  overloadsFor,
  signature,
  type TypeName,
} from '../functions.ts';
import { type BindingMacro, bindingMacro, type Call } from '../macros.ts';
import { parseExpression } from '../parser.ts';
import { compilePattern } from '../pattern.ts';
import { namespaceOf } from '../references.ts';
import { describeType } from '../types/describe.ts';
import {
  ANY,
  BOOLEAN,
  DURATION,
  INTEGER,
  isNullable,
  listOf,
  membersOf,
  NEVER,
  NUMBER,
  optionalOf,
  presentOf,
  STRING,
  TIMESTAMP,
  type Type,
  union,
  withoutNull,
} from '../types/type.ts';
import { type Checker, textOf } from './check.ts';
import { foldedType, isAbsentAt, NO_FACTS, pathOf, type Scope, typeAt, withVariable } from './environment.ts';
import { Issues, nameAdvice } from './issues.ts';
import { narrow } from './narrow.ts';

export function checkCall(checker: Checker, call: Call, scope: Scope): Type {
  const namespace = namespaceOf(call);
  if (namespace === 'policy' && !scope.variables.has('policy')) return checkPolicy(checker, call, scope);
  if (namespace === 'optional' && !scope.variables.has('optional'))
    return checkOptionalMaker(checker, call, scope);
  const macro = bindingMacro(call);
  if (macro)
    return macro.overItems ? checkIteration(checker, macro, scope) : checkOptMap(checker, macro, scope);
  if (call.target === undefined && call.name === 'has') return checkHas(checker, call, scope);
  if (call.target === undefined && call.name === 'default') return checkDefault(checker, call, scope);
  if (call.target !== undefined && OPTIONAL_METHODS.has(call.name))
    return checkOptionalMethod(checker, call, scope);
  return checkFunction(checker, call, scope);
}

const OPTIONAL_METHODS: ReadonlySet<string> = new Set(['hasValue', 'orValue', 'or', 'value']);

function checkHas(checker: Checker, call: Call, scope: Scope): Type {
  const [path] = call.args;
  if (path === undefined) return BOOLEAN;
  checker.visit(path, scope, true);
  const known = pathOf(path, scope);
  // Only where every part is certain, not just the last.
  if (known && typeAt(scope, known).isPresent && typeAt(scope, known).type.kind !== 'any')
    checker.issues.add('always-true', call, `\`${textOf(path)}\` is always there`);
  const absent = absentInHas(call, scope);
  if (absent !== undefined)
    checker.issues.add('always-false', call, `\`${textOf(call)}\` is always false here: ${absent}`);
  return BOOLEAN;
}

/** Why `has(path)` is false at this place, where a condition before it has settled that. */
export function absentInHas(node: Expr, scope: Scope): string | undefined {
  if (node.kind !== 'call' || node.target !== undefined || node.name !== 'has') return undefined;
  const [path] = node.args;
  const known = path && pathOf(path, scope);
  return known && isAbsentAt(scope, known)
    ? `a condition before it says that \`${textOf(path!)}\` is not there`
    : undefined;
}

function checkDefault(checker: Checker, call: Call, scope: Scope): Type {
  const [path, other] = call.args;
  if (path === undefined || other === undefined) return ANY;
  const read = presentOf(checker.visit(path, scope, true));
  const otherwise = checker.visit(other, scope);
  const known = pathOf(path, scope);
  if (
    known &&
    read.kind !== 'any' &&
    read.kind !== 'never' &&
    !isNullable(read) &&
    typeAt(scope, known).isPresent
  )
    checker.issues.add(
      'always-true',
      call,
      `\`${textOf(path)}\` is always there and never null: the default is never used`,
      {
        fix: `write \`${textOf(path)}\``,
      },
    );
  return union([withoutNull(read), otherwise]);
}

function checkOptionalMethod(checker: Checker, call: Call, scope: Scope): Type {
  const target = call.target!;
  const type = checker.visit(target, scope);
  const [argument] = call.args;
  const arity = call.name === 'or' || call.name === 'orValue' ? 1 : 0;
  if (call.args.length !== arity) {
    wrongArguments(checker, call, functions[call.name]!.overloads);
    return ANY;
  }
  const other = argument ? checker.visit(argument, scope) : ANY;
  if (type.kind !== 'optional' && type.kind !== 'any' && type.kind !== 'never')
    checker.issues.add(
      'wrong-arguments',
      call.nameSpan,
      `\`${textOf(target)}\` is ${describeType(type)}, no optional`,
      {
        fix: target.kind === 'member' ? `write \`${textOf(target.object)}.?${target.name}\`` : undefined,
      },
    );
  switch (call.name) {
    case 'hasValue':
      return BOOLEAN;
    case 'orValue':
      return argument ? union([presentOf(type), checker.present(argument, other)]) : ANY;
    case 'or':
      return optionalOf(union([presentOf(type), presentOf(other)]));
    default: {
      const path = pathOf(target, scope);
      if (type.kind === 'optional' && !(path && typeAt(scope, path).isPresent)) checker.present(target, type);
      return presentOf(type);
    }
  }
}

function checkOptionalMaker(checker: Checker, call: Call, scope: Scope): Type {
  const [argument] = call.args;
  if (call.name === 'none' && argument === undefined) return optionalOf(NEVER);
  if (call.name === 'of' && argument !== undefined && call.args.length === 1)
    return optionalOf(checker.value(argument, scope));
  for (const arg of call.args) checker.visit(arg, scope);
  checker.issues.add('unknown-function', call.nameSpan, `there is no \`optional.${call.name}\` like this`, {
    fix: 'write `optional.of(value)` or `optional.none()`',
  });
  return ANY;
}

function checkOptMap(checker: Checker, macro: BindingMacro, scope: Scope): Type {
  const type = checker.visit(macro.range, scope);
  const inner = withVariable(scope, macro.variable, presentOf(type), checker.newKey(macro.variable));
  const body = checker.visit(macro.body, inner);
  if (macro.name === 'optMap') return optionalOf(checker.present(macro.body, body));
  return optionalOf(presentOf(body));
}

function checkIteration(checker: Checker, macro: BindingMacro, scope: Scope): Type {
  const range = checker.value(macro.range, scope);
  const isRange = checker.needs(
    macro.range,
    range,
    (one) => one.kind === 'list' || one.kind === 'object',
    'wrong-operand',
    (found) => `\`${macro.name}\` goes over a list or an object, not ${found}`,
  );
  const item = isRange ? itemOf(range) : ANY;
  const key = checker.newKey(macro.variable);
  const inner = withVariable(scope, macro.variable, item, key);
  // Over no items nothing is evaluated, so that nothing can be wrong.
  const within = item.kind === 'never' ? { ...inner, facts: { ...inner.facts, isImpossible: true } } : inner;
  if (macro.name === 'map') {
    if (macro.filter) checker.condition(macro.filter, within);
    const kept = macro.filter ? narrow(macro.filter, true, within) : within;
    const body = checker.value(macro.body, kept);
    return listOf(body, macro.filter && range.kind !== 'any' ? 0 : leastItems(range));
  }
  checker.condition(macro.body, within);
  if (macro.name !== 'filter') return BOOLEAN;
  return listOf(
    foldedType(narrow(macro.body, true, within), [key]),
    range.kind === 'any' ? leastItems(range) : 0,
  );
}

/** Items that are there for certain. How many an unknown value has, nobody can say: then nothing is said against it. */
function leastItems(range: Type): number {
  if (range.kind === 'any') return Number.POSITIVE_INFINITY;
  const least = membersOf(range).map((one) => (one.kind === 'list' ? one.itemsMin : 0));
  return least.length === 0 ? 0 : Math.min(...least);
}

function itemOf(range: Type): Type {
  if (range.kind === 'any') return ANY;
  return union(
    membersOf(range).map((member): Type => {
      if (member.kind === 'list') return union([member.item(), ...member.first.map((one) => one())]);
      return STRING;
    }),
  );
}

function checkFunction(checker: Checker, call: Call, scope: Scope): Type {
  const { name, target, args } = call;
  const spec: FunctionSpec | undefined = Object.hasOwn(functions, name) ? functions[name] : undefined;
  const operands = [...(target ? [target] : []), ...args];
  const types = operands.map((operand) => checker.value(operand, scope));
  if (!spec) {
    const advice = nameAdvice(name, Object.keys(functions));
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
    const fix = alias ?? (advice.replacement === undefined ? undefined : advice.fix);
    checker.issues.add('unknown-function', call.nameSpan, `there is no function \`${name}\``, {
      fix,
      replacement: alias === undefined ? advice.replacement : undefined,
    });
    return ANY;
  }
  const candidates = overloadsFor(name, target !== undefined, args.length);
  if (candidates.length === 0) {
    wrongArguments(checker, call, spec.overloads);
    return ANY;
  }
  for (const [index, operand] of operands.entries()) {
    const wanted = candidates.map((overload) => parameterAt(overload, index));
    checkOperand(checker, call, operand, types[index]!, wanted);
  }
  if (name === 'matches') checkPattern(checker, operands[1]);
  if (name === 'timestamp' || name === 'duration') checkTimeText(checker, call, operands[0], types[0]);
  if (name === 'declassify') checkReason(checker, args[1] ?? call);
  return union(resultsOf(candidates, types));
}

/** Whoever audits what was declassified reads it; a computed or empty one tells nothing. */
function checkReason(checker: Checker, node: Expr): void {
  const isGiven = node.kind === 'literal' && typeof node.value === 'string' && node.value.trim() !== '';
  if (isGiven) return;
  checker.issues.add(
    'wrong-arguments',
    node,
    'the reason of `declassify` must be literal text that says why',
    {
      fix: "write it in quotes: declassify(value, 'why')",
    },
  );
}

/** Names that people bring from elsewhere. */
const ALIASES: Readonly<Record<string, string>> = {
  length: 'write `size(…)`',
  len: 'write `size(…)`',
  count: 'write `size(…)`',
  toString: 'write `string(…)`',
  str: 'write `string(…)`',
  number: 'write `double(…)`',
  float: 'write `double(…)`',
  parseInt: 'write `int(…)`',
  toLowerCase: 'write `lowerAscii()`',
  toLower: 'write `lowerAscii()`',
  lower: 'write `lowerAscii()`',
  toUpperCase: 'write `upperAscii()`',
  upper: 'write `upperAscii()`',
  includes: 'write `contains(…)`, or `in` for a list',
  coalesce: 'write `default(path, value)`',
  now: 'expressions have no clock: the time of the event is in the event',
  type: 'types are settled before a run: test a field with `has(…)` or compare its value',
  some: 'write `exists(item, …)`',
  any: 'write `exists(item, …)`',
  every: 'write `all(item, …)`',
};

function parameterAt(overload: Overload, index: number): TypeName {
  const types = [
    ...(overload.receiver === undefined ? [] : [overload.receiver]),
    ...overload.parameters.map((one) => one.type),
  ];
  return types[index] ?? 'any';
}

function checkOperand(
  checker: Checker,
  call: Call,
  operand: Expr,
  type: Type,
  wanted: readonly TypeName[],
): void {
  const fits = (member: Type): boolean => wanted.some((name) => isOf(member, name));
  const isNumber = membersOf(type).every((member) => member.kind === 'number');
  const needsInteger = isNumber && wanted.includes('integer');
  checker.needs(
    operand,
    type,
    fits,
    needsInteger ? 'integer-expected' : 'wrong-arguments',
    (found) => `\`${call.name}\` takes ${[...new Set(wanted)].map(article).join(' or ')}, not ${found}`,
  );
}

function article(name: TypeName): string {
  return /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`;
}

/** Does a (single) type fit the name of a type in the table of functions? */
function isOf(type: Type, name: TypeName): boolean {
  if (type.kind === 'any' || type.kind === 'never') return true;
  switch (name) {
    case 'integer':
      return type.kind === 'number' && type.isInteger;
    case 'scalar':
      return ['string', 'number', 'boolean', 'timestamp', 'duration'].includes(type.kind);
    case 'list of strings':
    case 'list of integers':
      return (
        type.kind === 'list' &&
        membersOf(itemOf(type)).every((item) => isOf(item, name === 'list of strings' ? 'string' : 'integer'))
      );
    case 'list of any':
      return type.kind === 'list';
    case 'boolean':
    case 'number':
    case 'string':
    case 'list':
    case 'object':
    case 'timestamp':
    case 'duration':
      return type.kind === name;
    default:
      return true;
  }
}

/** Results of the overloads that some variants of the arguments fit. */
function resultsOf(candidates: readonly Overload[], types: readonly Type[]): Type[] {
  const fitting = candidates.filter((overload) =>
    types.every(
      (type, index) =>
        type.kind === 'any' || membersOf(type).some((member) => isOf(member, parameterAt(overload, index))),
    ),
  );
  return (fitting.length > 0 ? fitting : candidates).map((overload) => resultOf(overload.result, types));
}

function resultOf(name: TypeName, types: readonly Type[]): Type {
  switch (name) {
    case 'boolean':
      return BOOLEAN;
    case 'integer':
      return INTEGER;
    case 'number':
      return NUMBER;
    case 'string':
      return STRING;
    case 'timestamp':
      return TIMESTAMP;
    case 'duration':
      return DURATION;
    case 'list of strings':
      return listOf(STRING);
    case 'same':
      return widened(types[0] ?? ANY);
    default:
      return ANY;
  }
}

/** `abs` of an enum of numbers is a number of the same kind, no longer one of them. */
function widened(type: Type): Type {
  return type.kind === 'number' ? { kind: 'number', isInteger: type.isInteger } : type;
}

function checkPattern(checker: Checker, node: Expr | undefined): void {
  if (node?.kind !== 'literal' || typeof node.value !== 'string') return;
  const pattern = compilePattern(node.value);
  if ('problem' in pattern) checker.issues.add('wrong-arguments', node, `the pattern ${pattern.problem}`);
}

/** Text of another format is no point in time, and none of the formats is a length of time such as `1h30m`. */
function checkTimeText(checker: Checker, call: Call, node: Expr | undefined, type: Type | undefined): void {
  if (!node || type?.kind !== 'string' || type.format === undefined) return;
  if (call.name === 'timestamp' && type.format === 'date-time') return;
  checker.issues.add(
    'wrong-arguments',
    node,
    `\`${call.name}\` takes ${call.name === 'timestamp' ? 'a date-time' : 'text such as `1h30m`'}; \`${textOf(node)}\` is a ${type.format}`,
    {
      fix:
        call.name === 'timestamp' && type.format === 'date'
          ? `say which moment of the day: \`timestamp(${textOf(node)} + 'T00:00:00Z')\``
          : undefined,
    },
  );
}

function wrongArguments(checker: Checker, call: Call, overloads: readonly Overload[]): void {
  const ways = [...new Set(overloads.map((overload) => `\`${signature(call.name, overload)}\``))];
  checker.issues.add('wrong-arguments', call, `\`${call.name}\` is not called like this`, {
    fix: `write ${ways.join(' or ')}`,
  });
}

/** The body of a policy is checked with the types it is called with. */
function checkPolicy(checker: Checker, call: Call, scope: Scope): Type {
  const types = call.args.map((arg) => checker.value(arg, scope));
  const policy = Object.hasOwn(scope.policies, call.name) ? scope.policies[call.name] : undefined;
  if (policy === undefined) {
    const advice = nameAdvice(call.name, Object.keys(scope.policies));
    checker.issues.add('unknown-policy', call.nameSpan, `there is no policy \`${call.name}\``, advice);
    return ANY;
  }
  if (policy.parameters.length !== types.length) {
    const count = `${policy.parameters.length} argument${policy.parameters.length === 1 ? '' : 's'}`;
    checker.issues.add(
      'policy-arguments',
      call,
      `the policy \`${call.name}\` takes ${count}, not ${types.length}`,
      {
        fix: `write \`policy.${call.name}(${policy.parameters.join(', ')})\``,
      },
    );
    return ANY;
  }
  const broken = checker.policyProblem(call.name) ?? syntaxProblem(policy.expression);
  if (broken !== undefined) {
    checker.issues.add('policy-broken', call, `the policy \`${call.name}\` ${broken}`);
    return ANY;
  }
  return checker.inPolicy(call.name, () => {
    let inner: Scope = {
      variables: new Map(),
      facts: NO_FACTS,
      conditional: [],
      policies: scope.policies,
      work: scope.work,
    };
    for (const [index, name] of policy.parameters.entries())
      inner = withVariable(inner, name, types[index]!, checker.newKey(name));
    const found = new Issues();
    const type = checker.with(found, () => checker.visit(parseExpression(policy.expression).ast, inner));
    const [first] = found.found.filter(
      (issue) => issue.code !== 'always-true' && issue.code !== 'always-false',
    );
    if (first?.code === 'policy-broken') checker.issues.add('policy-broken', call, first.message);
    else if (first) {
      const message = `the policy \`${call.name}\` fails on what it is given: ${first.message}`;
      checker.issues.add('policy-arguments', call, message, { fix: first.fix });
    }
    return type.kind === 'boolean' && type.values ? BOOLEAN : type;
  });
}

function syntaxProblem(expression: string): string | undefined {
  return parseExpression(expression).errors.length > 0 ? 'cannot be read' : undefined;
}
