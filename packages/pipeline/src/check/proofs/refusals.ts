import { type OperationPlan, refusalOfClass, refusalsOf } from '@tenon/connector';
import type { Contract, HttpOperation, Response } from '@tenon/contract';
import { ANY, lookup, membersOf, objectOf, references, type Type, union } from '@tenon/expression';
import { type Diagnostic, didYouMean } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { responseUnion } from '../../plan-operation.ts';
import { diagnostic } from '../../rules.ts';
import type { CallSpec } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall } from '../catalog.ts';
import { refusalSource, resultSource } from '../data/payloads.ts';
import { expressionsIn } from '../data/policies.ts';
import { REFUSED } from '../data/refused.ts';
import { typeOfSchema } from '../data/types.ts';
import type { Checked } from './masters.ts';

/** A refusal that a step takes as a value. */
export interface TakenRefusal {
  readonly code: string;
  /** The responses that describe it, as the contract writes their status. */
  readonly responses: readonly string[];
  /** Of its body, self-contained; absent where the contract says nothing of it, and then it is not read. */
  readonly schema?: JsonSchema;
  /** All statuses that it can have; absent: more than are written out. */
  readonly statuses?: readonly number[];
}

/** The refusals that a step takes, of those that its connector knows. */
export function takenRefusals({ refusals = [] }: CallSpec, call: ResolvedCall): readonly TakenRefusal[] {
  const known = knownRefusals(call);
  return refusals.flatMap(({ value: code }) => {
    const statuses = known.get(code);
    return statuses === undefined ? [] : taken(call, code, statuses);
  });
}

/** Names that a step may take, with the statuses that such answers have. */
export function knownRefusals({ plan }: ResolvedCall): ReadonlyMap<string, readonly string[]> {
  return plan.http === undefined ? new Map() : refusalsOf(plan.failures);
}

/**
 * All refusals of an operation that contract or manifest know, with the schemas of their bodies: for callers that are no steps. `notFound` and
 * `conflict`, which HTTP itself names, are among them where the contract declares such an answer, or a rule gives one.
 */
export function refusalsOfOperation(
  contract: Contract,
  operation: HttpOperation,
  plan: Pick<OperationPlan, 'failures'>,
): readonly TakenRefusal[] {
  const named = new Set(plan.failures.map((rule) => rule.refusal ?? refusalOfClass(rule.class)));
  return [...refusalsOf(plan.failures)].flatMap(([code, statuses]) => {
    const refusal = refusalWith(contract, operation, code, statuses);
    return named.has(code) || refusal.responses.length > 0 ? [refusal] : [];
  });
}

function refusalWith(
  contract: Contract,
  operation: HttpOperation,
  code: string,
  statuses: readonly string[],
): TakenRefusal {
  const responses = [...new Set(statuses.flatMap((status) => responsesTo(operation, status)))];
  const schema = responseUnion(contract, responses);
  const numbers = statuses.map(Number);
  return {
    code,
    responses: responses.map(({ status }) => status),
    ...(schema !== undefined && { schema }),
    ...(numbers.every(Number.isInteger) && { statuses: numbers }),
  };
}

const takenByPlan = new WeakMap<ResolvedCall['plan'], Map<string, TakenRefusal>>();

/** Made once for each operation: its schema is compared, and its type kept, by identity. */
function taken(
  { plan, contract, operation }: ResolvedCall,
  code: string,
  statuses: readonly string[],
): TakenRefusal[] {
  if (operation.kind !== 'http') return [];
  const made = takenByPlan.get(plan) ?? new Map<string, TakenRefusal>();
  takenByPlan.set(plan, made);
  const known = made.get(code);
  if (known) return [known];
  const one = refusalWith(contract, operation, code, statuses);
  made.set(code, one);
  return [one];
}

/** The responses of a contract that may describe an answer of this status, or of one of this range. */
export function responsesTo({ responses }: HttpOperation, status: string): readonly Response[] {
  if (/^\dxx$/i.test(status))
    return responses.filter((one) => one.status[0] === status[0] || one.status === 'default');
  for (const wanted of [status, `${status[0]}xx`, 'default']) {
    const found = responses.filter((one) => one.status.toLowerCase() === wanted);
    if (found.length > 0) return found;
  }
  return [];
}

/** The type of a step's result where it may be refused; `any` where nobody could tell a refusal from it. */
export function withRefusals(result: Type, refusals: readonly TakenRefusal[]): Type {
  if (mayHaveMember(result)) return ANY;
  const refused = refusals.length === 0 ? ANY : union(refusals.map(refusedType));
  return union([result, objectOf({ [REFUSED]: refused })]);
}

function refusedType({ code, schema, statuses }: TakenRefusal): Type {
  return objectOf({
    code: typeOfSchema({ const: code }),
    status: statuses === undefined ? INTEGER : typeOfSchema({ enum: [...statuses] }),
    body: schema === undefined ? NULL : typeOfSchema(schema),
  });
}

const INTEGER: Type = typeOfSchema({ type: 'integer' });
const NULL: Type = typeOfSchema({ type: 'null' });

/**
 * What a step may leave, as the contract holds it: with the bodies of the refusals that it takes, where they stand in its result. The same object
 * each time.
 */
export function stepResultSource(step: CallSpec, call: ResolvedCall): JsonSchema {
  const result = resultSource(call.operation);
  const taken = takenRefusals(step, call);
  if (taken.length === 0) return result;
  const known = sourcesByStep.get(step);
  if (known?.result === result) return known.whole;
  const body = refusalSource(call.operation, responsesOf(taken));
  const refused: JsonSchema = {
    type: 'object',
    properties: { [REFUSED]: { type: 'object', properties: { body } } },
  };
  const whole: JsonSchema = { anyOf: [result, refused] };
  sourcesByStep.set(step, { result, whole });
  return whole;
}

const sourcesByStep = new WeakMap<CallSpec, { readonly result: JsonSchema; readonly whole: JsonSchema }>();

/** The responses of a contract, by status as written, that describe one of these refusals. */
export function responsesOf(taken: readonly TakenRefusal[]): readonly string[] {
  return [...new Set(taken.flatMap(({ responses }) => responses))].sort();
}

/** Refusals that no connector knows, that cannot be told from a result or never come, and those that nothing looks at. */
export function checkRefusals({ model }: Checked): Diagnostic[] {
  const looked = lookedAt(model);
  return [...model.calls.values()].flatMap(({ step, call }): Diagnostic[] => {
    const { refusals = [] } = step;
    const [first] = refusals;
    if (first === undefined) return [];
    const unknown = checkNames(step, call);
    if (unknown.length > 0) return unknown;
    const id = step.id.value;
    const name = step.call.value;
    if (mayHaveMember(typeOfSchema(call.plan.result)))
      return [
        diagnostic('refusal-indistinct', {
          message: `the answer of \`${name}\` may have a member \`${REFUSED}\` of its own, so a refusal could not be told from it`,
          at: first.at,
          subject: `${id} ${name}`,
        }),
      ];
    if (looked.has(id)) return [];
    return [
      diagnostic('refusal-unread', {
        message: `\`${id}\` takes a refusal as a value, and nothing looks at \`steps.${id}.${REFUSED}\``,
        at: first.at,
        subject: id,
        fix: `write \`has(steps.${id}.${REFUSED})\` as the \`when\` of a branch, or leave \`refusals\` out: the step then fails`,
      }),
    ];
  });
}

function checkNames({ refusals = [], basedOn, call: name }: CallSpec, call: ResolvedCall): Diagnostic[] {
  const known = knownRefusals(call);
  return refusals.flatMap(({ value: code, at }) => {
    if (!known.has(code)) {
      const meant = didYouMean(code, known.keys());
      const listed = [...known.keys()].map((one) => `\`${one}\``).join(', ');
      return diagnostic('unknown-refusal', {
        message: `\`${call.manifest.name}\` gives no answer of \`${call.plan.operation}\` the name \`${code}\``,
        at,
        subject: `${name.value} ${code}`,
        fix:
          known.size === 0
            ? 'leave `refusals` out: a message that is sent is answered by nobody'
            : `name one of ${listed}, or add \`refusal: ${code}\` to a rule under \`failures\` of connectors/${call.manifest.name}/connector.yaml`,
        misspelt: { name: code, meant },
      });
    }
    const classes = call.plan.failures.filter(({ refusal }) => refusal === code).map((one) => one.class);
    const isConflict =
      code === 'conflict' || (classes.length > 0 && classes.every((one) => one === 'conflict'));
    if (!basedOn || !isConflict) return [];
    return diagnostic('refusal-never-taken', {
      message: `a conflict never comes back from \`${name.value}\` here: \`basedOn\` reads and writes again`,
      at,
      subject: `${name.value} ${code}`,
    });
  });
}

/** Can the result of a step have a member of the name that a refusal stands under? */
function mayHaveMember(result: Type): boolean {
  return membersOf(result).some((one) => one.kind === 'any') || lookup(result, REFUSED).type !== undefined;
}

/** Ids of steps of which an expression looks at the refusal, or asks whether a member of the result is there. */
function lookedAt({ spec }: Checked['model']): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { parsed } of expressionsIn(spec))
    for (const { root, path } of references(parsed.ast)) {
      const [id, member] = path;
      if (root !== 'steps' || id === undefined) continue;
      if (member === undefined || member.name === REFUSED || member.optional) found.add(id.name);
    }
  return found;
}
