import type { ConnectorManifest, FailureRule } from '@tenon/connector';
import type { Contract, HttpOperation } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { ANY, checkExpression, parseExpression, type Type } from '@tenon/expression';
import { type Diagnostic, toPointer } from '@tenon/model';
import { responseUnion } from '../../plan-operation.ts';
import { diagnostic } from '../../rules.ts';
import { typeOfSchema } from '../data/types.ts';
import { responsesTo } from '../proofs/refusals.ts';

/**
 * Does each rule's `when` read what its answers may hold? A condition that fails does not hold, so one that reads a field that no answer has is
 * never met, and says nothing. A rule for all operations is wrong where it is so for each of them.
 */
export function checkFailureRules(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  const operations = Object.entries(manifest.operations).flatMap(([name, { failures }]) => {
    const operation = contract.operations.get(name);
    return operation?.kind === 'http' ? [{ name, operation, failures }] : [];
  });
  const told = (at: readonly (string | number)[], { message, fix }: RuleProblem): Diagnostic =>
    diagnostic('manifest-failure-field-unknown', {
      message,
      at: document.locate(toPointer([...at, 'when'])),
      subject: `${manifest.name} ${at.join(' ')}`,
      ...(fix !== undefined && { fix }),
    });
  const own = operations.flatMap(({ name, operation, failures }) =>
    failures.flatMap((rule, index) => {
      const problem = ruleProblem(contract, operation, rule);
      return problem ? told(['operations', name, 'failures', index], problem) : [];
    }),
  );
  const shared = manifest.defaults.failures.flatMap((rule, index) => {
    const problem = problemOfAll(
      contract,
      operations.map(({ operation }) => operation),
      rule,
    );
    return problem ? told(['defaults', 'failures', index], problem) : [];
  });
  return [...own, ...shared];
}

/** What a condition reads of an answer that the contract does not have. */
export interface RuleProblem {
  readonly message: string;
  readonly fix?: string;
}

/** What is wrong with a rule for all of these operations, where none of them has an answer that could meet it. */
export function problemOfAll(
  contract: Contract,
  operations: readonly HttpOperation[],
  rule: Pick<FailureRule, 'status' | 'when'>,
): RuleProblem | undefined {
  let first: RuleProblem | undefined;
  for (const operation of operations) {
    const problem = ruleProblem(contract, operation, rule);
    if (problem === undefined) return undefined;
    first ??= problem;
  }
  return first;
}

/** The first field that the rule's `when` reads and no answer of the operation has, as its contract says. */
function ruleProblem(
  contract: Contract,
  operation: HttpOperation,
  { status, when }: Pick<FailureRule, 'status' | 'when'>,
): RuleProblem | undefined {
  // What a success holds where it says no is mostly declared nowhere: the contract describes the success.
  if (when === undefined || status.startsWith('2')) return undefined;
  const { ast, errors } = parseExpression(when);
  if (errors.length > 0) return undefined;
  const body = bodyType(contract, operation, status);
  if (body === ANY) return undefined;
  const { issues } = checkExpression(ast, {
    variables: { body, headers: ANY, status: INTEGER },
    policies: {},
    conditional: [],
  });
  // That a field may be absent, or null, is what conditions are asked for.
  const issue = issues.find(({ code }) => code === 'unknown-field');
  return issue && { message: issue.message, ...(issue.fix !== undefined && { fix: issue.fix }) };
}

/** Of an answer with such a status; `any` where the contract does not say. */
function bodyType(contract: Contract, operation: HttpOperation, status: string): Type {
  const responses = responsesTo(operation, status);
  const isTold =
    responses.length > 0 &&
    responses.every(({ content }) => content.some(({ schema }) => schema !== undefined));
  const schema = isTold ? responseUnion(contract, responses) : undefined;
  return schema === undefined ? ANY : typeOfSchema(schema);
}

const INTEGER: Type = typeOfSchema({ type: 'integer' });
