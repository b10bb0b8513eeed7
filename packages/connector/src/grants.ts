import type { Failure } from '@tenon/model';
import type { ConnectorFailureCode } from './failure-codes.ts';
import type { OperationPlan } from './operation-plan.ts';
import type { CallRequest } from './transport.ts';

/** What one pipeline may do over a connection; what is not here it may not (C88). */
export interface Grant {
  readonly operations: readonly string[];
  /** Scopes that its calls may carry. */
  readonly scopes: readonly string[];
  /** Hosts of the manifest's `egress` that its calls may reach, besides the connection's own. */
  readonly hosts: readonly string[];
}

/** By pipeline. Empty: nobody may do anything. */
export type Grants = Readonly<Record<string, Grant>>;

interface Refusal {
  readonly code: ConnectorFailureCode;
  readonly says: string;
}

/**
 * Decides over the calls of one connection: by pipeline, operation, scope and host, all denied unless granted. A call that
 * is made on no pipeline's behalf (a poll) may do what some pipeline may. One of a run that keeps to an earlier plan was
 * granted with that plan.
 */
export class GrantGuard {
  readonly #connection: string;
  readonly #grants: Grants | 'all';
  readonly #narrowed = new WeakMap<OperationPlan, Map<string, OperationPlan>>();

  constructor(connection: string, grants: Grants | 'all') {
    this.#connection = connection;
    this.#grants = grants;
  }

  /** The operation as it may be carried out, without hosts that are not granted, or why it may not be. */
  admit({ operation, origin, isGrantedBefore }: CallRequest): OperationPlan | Failure {
    if (this.#grants === 'all' || isGrantedBefore) return operation;
    const pipeline = origin?.pipeline;
    const grant =
      pipeline === undefined ? somebody(this.#grants, operation) : ofPipeline(this.#grants, pipeline);
    const refusal = this.#refusal(operation, grant, pipeline);
    if (refusal !== undefined)
      return {
        class: 'permission',
        code: refusal.code,
        message: `${refusal.says}; nothing was sent`,
        delivery: 'notSent',
      };
    return grant === undefined ? operation : this.#narrow(operation, grant, pipeline ?? '');
  }

  #refusal(
    operation: OperationPlan,
    grant: Grant | undefined,
    pipeline: string | undefined,
  ): Refusal | undefined {
    const who = pipeline === undefined ? '' : ` for pipeline ${pipeline}`;
    if (grant === undefined || !grant.operations.includes(operation.operation))
      return {
        code: 'GRANT_MISSING',
        says: `connection ${this.#connection} is not granted ${operation.operation}${who}`,
      };
    const lacking = operation.scopes.find((scope) => !grant.scopes.includes(scope));
    if (lacking === undefined) return undefined;
    return {
      code: 'GRANT_SCOPE_MISSING',
      says: `${operation.name} needs ${lacking}, which connection ${this.#connection} is not granted${who}`,
    };
  }

  /** The same object wherever nothing is taken away: transports keep what they make of an operation by its identity. */
  #narrow(operation: OperationPlan, grant: Grant, pipeline: string): OperationPlan {
    const egress = operation.egress.filter((host) => grant.hosts.includes(host));
    if (egress.length === operation.egress.length) return operation;
    const known = this.#narrowed.get(operation) ?? new Map<string, OperationPlan>();
    this.#narrowed.set(operation, known);
    const made = known.get(pipeline) ?? { ...operation, egress };
    known.set(pipeline, made);
    return made;
  }
}

function ofPipeline(grants: Grants, pipeline: string): Grant | undefined {
  return Object.hasOwn(grants, pipeline) ? grants[pipeline] : undefined;
}

function somebody(grants: Grants, { operation, scopes }: OperationPlan): Grant | undefined {
  const may = Object.values(grants).filter(({ operations }) => operations.includes(operation));
  return may.find((grant) => scopes.every((scope) => grant.scopes.includes(scope))) ?? may[0];
}
