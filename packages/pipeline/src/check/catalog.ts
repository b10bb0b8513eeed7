import type { ConnectorManifest, OperationManifest, OperationPlan } from '@tenon/connector';
import type { Contract, EventDefinition, Operation } from '@tenon/contract';
import { type Diagnostic, didYouMean } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { PlanEvent } from '../plan.ts';
import { headersSchema } from '../plan-headers.ts';
import { bundled, contractOf, declaredOperation, planOperation } from '../plan-operation.ts';
import { diagnostic } from '../rules.ts';
import type { Located } from '../spec/pipeline-spec.ts';
import type { Workspace } from '../workspace.ts';
import { incomingOver, OVER_OWN } from './data/incoming.ts';

/** An operation that a step names, found. */
export interface ResolvedCall {
  /** The connection; with `over`, the connector. */
  readonly connection: string;
  /** The expression that names the connection. */
  readonly over?: string;
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
  readonly operation: Operation;
  readonly declared: OperationManifest;
  readonly plan: OperationPlan;
}

export interface ResolvedEvent {
  readonly name: string;
  /** Schema of its headers, where the contract declares any; `$defs` inside. */
  readonly headers?: JsonSchema;
  readonly contract: Contract;
  readonly definition: EventDefinition;
  readonly plan: PlanEvent;
}

/** Either what a name means, or why it means nothing. */
export type Resolved<T> = { readonly value: T } | { readonly problem: Diagnostic };

/** Names of a workspace, resolved: operations and events are joined and bundled once, however many steps use them. */
export interface Catalog {
  readonly workspace: Workspace;
  /**
   * `<connection or connector>.<operation>`. `over`: an expression names the connection, so that it is the connector. `starting`: the event
   * of the run, or `null` where there is none, of a step that could say `over`.
   */
  call(name: Located<string>, over?: string, starting?: ResolvedEvent | null): Resolved<ResolvedCall>;
  /** `<contract>.<event>`. */
  event(name: Located<string>): Resolved<ResolvedEvent>;
  /** An operation of a connector, for probes and compensations. */
  operation(manifest: ConnectorManifest, operation: string): OperationPlan | undefined;
}

export function catalogOf(workspace: Workspace): Catalog {
  const operations = new Map<string, OperationPlan | undefined>();
  const events = new Map<string, PlanEvent>();
  const { connections } = workspace.config;

  const catalog: Catalog = {
    workspace,
    operation(manifest, operation) {
      const key = `${manifest.name}.${operation}`;
      if (operations.has(key)) return operations.get(key);
      const contract = workspace.contracts.get(manifest.contract);
      const plan = contract && planOperation(contract, manifest, operation);
      operations.set(key, plan);
      return plan;
    },
    call({ value: name, at }, over, starting) {
      const dot = name.indexOf('.');
      const [first, operationId] = [name.slice(0, dot), name.slice(dot + 1)];
      const firstAt = part(at, 0, dot, name.length);
      const operationAt = part(at, dot + 1, name.length, name.length);
      const connection =
        over === undefined && Object.hasOwn(connections, first) ? connections[first] : undefined;
      const connectorName = connection?.connector ?? first;
      const manifest = workspace.connectors.get(connectorName);
      if (!manifest && over !== undefined) return noConnector(first, operationId, firstAt);
      if (!manifest) return connection ? unknownConnectorOf(first) : unknownConnector(first, firstAt);
      if (!connection && workspace.hasConfig && over === undefined) {
        const names = Object.values(connections).flatMap((one) =>
          one.connector === first ? [one.name] : [],
        );
        if (names.length > 0) return otherwiseNamed(first, operationId, names, firstAt, starting);
        const message = `connector \`${first}\` has no connection: there is none of that name in tenon.config.yaml`;
        return problem('unknown-connection', message, firstAt, first, {
          fix: `add \`${first}:\` under \`connections\``,
        });
      }
      const contract = workspace.contracts.get(manifest.contract);
      if (!contract) {
        // The manifest's check reports it; a step that uses the connector is only the victim.
        const message = `there is no contract \`${manifest.contract}\``;
        return problem(
          'unknown-contract',
          message,
          workspace.connectorDocuments.get(manifest.name)?.locate('/contract') ?? firstAt,
          manifest.contract,
          near(manifest.contract, workspace.contracts.keys()),
        );
      }
      const operation = contract.operations.get(operationId);
      const plan = operation && catalog.operation(manifest, operationId);
      if (!operation || !plan) {
        const message = `contract \`${contract.name}\` has no operation \`${operationId}\``;
        return problem(
          'unknown-operation',
          message,
          operationAt,
          operationId,
          near(operationId, contract.operations.keys()),
        );
      }
      const declared = declaredOperation(manifest, operationId, operation);
      const found = { connection: first, manifest, contract, operation, declared, plan };
      return { value: { ...found, ...(over !== undefined && { over }) } };
    },
    event({ value: name, at }) {
      const dot = name.indexOf('.');
      const [first, eventId] = [name.slice(0, dot), name.slice(dot + 1)];
      const contract = workspace.contracts.get(first);
      if (!contract) {
        const message = `there is no contract \`${first}\``;
        return problem(
          'unknown-contract',
          message,
          part(at, 0, dot, name.length),
          first,
          near(first, workspace.contracts.keys()),
        );
      }
      const definition = contract.events.get(eventId);
      if (!definition) {
        const message = `contract \`${first}\` has no event \`${eventId}\``;
        return problem(
          'unknown-event',
          message,
          part(at, dot + 1, name.length, name.length),
          eventId,
          near(eventId, contract.events.keys()),
        );
      }
      const known = events.get(name);
      const plan: PlanEvent = known ?? {
        contract: contractOf(contract),
        event: eventId,
        payload: bundled(contract, definition.message.payload, 'response'),
      };
      events.set(name, plan);
      const declared = headersSchema([definition.message.headers], contract.definitions);
      const headers = declared && bundled(contract, declared, 'response');
      return { value: { name, contract, definition, plan, ...(headers !== undefined && { headers }) } };
    },
  };
  return catalog;

  function unknownConnector(name: string, at: Located<string>['at']): Resolved<never> {
    const names = [...Object.keys(connections), ...workspace.connectors.keys()];
    return problem(
      'unknown-connection',
      `there is no connection or connector \`${name}\``,
      at,
      name,
      near(name, names),
    );
  }

  /** The connector has connections, and none of its own name: a further one would be an account that nobody has. */
  function otherwiseNamed(
    connector: string,
    operation: string,
    names: readonly string[],
    at: Located<string>['at'],
    starting: ResolvedEvent | null | undefined,
  ): Resolved<never> {
    const listed = names.map((name) => `\`${name}\``);
    const has = listed.length === 1 ? `connection is ${listed[0]}` : `connections are ${inWords(listed)}`;
    const message = `connector \`${connector}\` has no connection of that name; its ${has}`;
    const written = names.map((name) => `\`${name}.${operation}\``);
    if (written.length === 1)
      return problem('unknown-connection', message, at, connector, { fix: `write ${written[0]}` });
    const naming = `name one: ${written.join(', ')}`;
    const own = starting ? incomingOver(starting, workspace) : [];
    const isOwn = own.length > 0 && own.every((name) => names.includes(name));
    const choosing = isOwn
      ? `add ${OVER_OWN} to the step: the connection that the event came over`
      : 'add `over` to the step with an expression that says which';
    return problem('unknown-connection', message, at, connector, {
      fix: starting === undefined ? naming : `${choosing}; or ${naming}`,
    });
  }

  /** Where `over` names the connection, the call begins with the connector. */
  function noConnector(name: string, operation: string, at: Located<string>['at']): Resolved<never> {
    const own = Object.hasOwn(connections, name) ? connections[name]?.connector : undefined;
    const advice =
      own === undefined
        ? near(name, workspace.connectors.keys())
        : {
            fix: `write \`${own}.${operation}\`: \`over\` names the connection, so the call begins with the connector`,
          };
    return problem('unknown-connector', `there is no connector \`${name}\``, at, name, advice);
  }

  /** The config check reports the connection itself; a step that uses it is only the victim. */
  function unknownConnectorOf(connection: string): Resolved<never> {
    const place = workspace.connectionPlaces.get(connection);
    const connector = connections[connection]?.connector ?? '';
    return problem(
      'unknown-connector',
      `there is no connector \`${connector}\``,
      place?.connector,
      connector,
      near(connector, workspace.connectors.keys()),
    );
  }
}

function problem(
  code:
    | 'unknown-connection'
    | 'unknown-connector'
    | 'unknown-contract'
    | 'unknown-operation'
    | 'unknown-event',
  message: string,
  at: Located<string>['at'] | undefined,
  subject: string,
  advice: Advice,
): Resolved<never> {
  const { fix, meant } = advice;
  return { problem: diagnostic(code, { message, at, subject, fix, misspelt: { name: subject, meant } }) };
}

interface Advice {
  readonly fix?: string;
  readonly meant?: string | undefined;
}

function near(name: string, candidates: Iterable<string>): Advice {
  const listed = [...candidates];
  const meant = didYouMean(name, listed);
  const isShort = listed.length > 0 && listed.length <= LISTED_MAX;
  return { meant, ...(isShort && { fix: `there are: ${listed.join(', ')}` }) };
}

function inWords(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Names listed in a fix where none is near. */
const LISTED_MAX = 12;

/** Part of a name: the caret stands under what is wrong only. A name in quotes starts after the first. */
function part(at: Located<string>['at'], from: number, to: number, length: number): Located<string>['at'] {
  const { start, end } = at.range;
  const written = end.offset - start.offset;
  const quote = written === length + 2 ? 1 : 0;
  if (start.line !== end.line || written !== length + 2 * quote) return at;
  const move = (by: number) => ({
    line: start.line,
    column: start.column + quote + by,
    offset: start.offset + quote + by,
  });
  return { file: at.file, range: { start: move(from), end: move(to) } };
}
