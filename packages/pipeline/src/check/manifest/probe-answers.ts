import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import {
  assignmentIssues,
  checkExpression,
  describeType,
  expressionRules,
  parseExpression,
  presentOf,
  STRING,
  type Type,
} from '@tenon/expression';
import { planOperation } from '../../plan-operation.ts';
import { typeOfSchema } from '../data/types.ts';

/**
 * What is wrong with a probe's `found`: it gives the effect as the call itself would have answered, or null where there
 * is none. Anything else than null is taken for the effect, an empty list and `false` too.
 */
export function probeAnswerProblem(
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
  /** The field of a probe in its short form, in which `found` is not written. */
  by?: string,
): string | undefined {
  const probe = manifest.operations[operation]?.probe;
  const effect = probe && planOperation(contract, manifest, operation);
  const asked = probe && planOperation(contract, manifest, probe.operation);
  if (!probe || !effect || !asked) return undefined;
  const { ast, errors } = parseExpression(probe.found);
  if (errors.length > 0) return undefined;
  const checked = checkExpression(ast, {
    variables: { body: typeOfSchema(asked.result), request: typeOfSchema(effect.input), key: STRING },
    policies: {},
    conditional: [],
  });
  const word = by !== undefined ? `by: ${by}` : probe.compares ? 'state' : 'found';
  const issue = checked.issues.find(
    ({ code }) => expressionRules[code].severity === 'error' && !UNKNOWABLE.has(code),
  );
  if (issue) return `in \`${word}\`: ${issue.message}`;
  const answer = withoutNull(checked.type);
  const result = typeOfSchema(effect.result);
  const unlike =
    probe.compares && answer ? incomparable(answer, typeOfSchema(effect.input), operation) : undefined;
  if (unlike !== undefined) return unlike;
  const wrong = answer && assignmentIssues(answer, result).find(({ code }) => !UNKNOWABLE.has(code));
  if (!answer || !wrong) return undefined;
  // Where the call answers nothing, what is there stands for it: but only a thing, not what was said about things.
  const isThing = answer.kind !== 'boolean' && answer.kind !== 'list';
  if (result.kind === 'null' && isThing) return undefined;
  return `\`${word}\` gives ${describeType(checked.type)}; \`${operation}\` answers ${describeType(result)}, so it must be that or null: ${wrong.message}`;
}

/** Why a state can never be as a call wants it, or nothing tells whether it is. */
function incomparable(state: Type, input: Type, operation: string): string | undefined {
  const body = input.kind === 'object' ? input.fields.get('body')?.type() : undefined;
  if (!body) return `\`${operation}\` takes no body that a \`state\` could be compared with: use \`found\``;
  if (state.kind === 'any' || body.kind === 'any') return undefined;
  if (state.kind !== 'object')
    return `\`state\` gives ${describeType(state)}, not the object that is written`;
  if (body.kind !== 'object' || state.rest?.('') !== undefined) return undefined;
  const lacking = [...body.fields.keys()].find((name) => !state.fields.has(name));
  return lacking === undefined
    ? undefined
    : `\`${operation}\` may write \`${lacking}\`, and \`state\` has none: it would always differ`;
}

/** After `exists` there is a first match, which no type says; where there is none after all, the probe fails and settles nothing. */
const UNKNOWABLE: ReadonlySet<string> = new Set([
  'value-may-be-absent',
  'value-may-be-null',
  'field-may-be-absent',
  'list-may-be-too-short',
  'variant-not-narrowed',
]);

/** What the value is when it is there; absent where it never is. */
function withoutNull(type: Type): Type | undefined {
  const present = presentOf(type);
  if (present.kind === 'null') return undefined;
  if (present.kind !== 'union') return present;
  const members = present.members.filter(({ kind }) => kind !== 'null');
  return members.length === 1 ? members[0] : { kind: 'union', members };
}
