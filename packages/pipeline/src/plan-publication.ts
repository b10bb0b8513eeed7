import type { ConnectorManifest, OperationPlan } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import type { SchemaObject } from '@tenon/schema';
import { classPointers } from './check/data/classes.ts';
import { retryDefaults } from './check/proofs/retry.ts';
import type { Plan } from './plan.ts';
import { planHash } from './plan-hash.ts';
import { headersSchema } from './plan-headers.ts';
import { bundled } from './plan-operation.ts';
import type { Workspace } from './workspace.ts';

const HOUR_MS = 60 * 60 * 1000;
/** A broker may be away for a day. */
const PATIENCE_MS = 24 * HOUR_MS;
const ATTEMPTS_MAX = 1_000;
const PAUSE_MAX_MS = 5 * 60 * 1000;

/**
 * What sends emitted events out: for each event that a connector publishes and each of its connections, a plan with one step.
 *
 * So the runtime is the outbox. An `emit` stores the event, in one transaction with what the emitting run did; the same
 * transaction starts the run of this plan; and that run sends, as often as it takes, under one id, and is listed with an owner
 * where it cannot (C77). Nothing that a table of its own would do is left to do.
 */
export function planPublications(workspace: Workspace): readonly Plan[] {
  return Object.values(workspace.config.connections).flatMap((connection) => {
    const manifest = workspace.connectors.get(connection.connector);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    if (!manifest || !contract) return [];
    return Object.keys(manifest.publications).flatMap((id) => {
      const event = contract.events.get(id);
      return event ? publication(connection.name, manifest, contract, event) : [];
    });
  });
}

/** Name of the plan that sends an event out over a connection. */
export function publicationPipeline(connection: string, event: string): string {
  return `publish-${connection}-${event}`;
}

/** The operation that it calls. */
export function publicationOperation(event: string): string {
  return `publish:${event}`;
}

function publication(
  connection: string,
  manifest: ConnectorManifest,
  contract: Contract,
  event: EventDefinition,
): Plan {
  const operation = publishing(manifest, contract, event);
  const name = `${contract.name}.${event.id}`;
  const orderBy = operation.message?.orderBy;
  const hasHeaders = sentHeaders(manifest, contract, event) !== undefined;
  const version = { name: contract.name, version: contract.version, digest: contract.digest };
  const personal = [...classPointers(contract, event.message.payload).keys()].sort();
  const text = `${name} over connection ${connection}, as connector ${manifest.name} declares it`;
  const plan: Omit<Plan, 'hash'> = {
    apiVersion: 'tenon/v1',
    kind: 'Plan',
    pipeline: publicationPipeline(connection, event.id),
    version: 1,
    description: `Sends ${text}.`,
    owner: {
      team: manifest.owner,
      backup: manifest.owner,
      escalation: manifest.owner,
      respondMs: HOUR_MS,
      recoverMs: PATIENCE_MS,
    },
    tier: 'medium',
    trigger: { event: name, over: connection },
    // Two events may be alike in every word and still be two: each emission is sent once.
    identity: {
      key: { expression: 'delivery' },
      retainMs: 30 * PATIENCE_MS,
      ...(orderBy !== undefined && { orderBy: { expression: `event${pathOf(orderBy)}` } }),
    },
    limits: { concurrency: manifest.defaults.inFlightMax, deadlineMs: PATIENCE_MS + HOUR_MS },
    steps: [
      {
        kind: 'call',
        id: 'publish',
        at: { line: 1, column: 1 },
        operation: operation.name,
        connection,
        with: {
          object: {
            body: { expression: 'event' },
            ...(hasHeaders && { headers: { expression: 'headers' } }),
          },
        },
        retry: {
          ...retryDefaults,
          attempts: ATTEMPTS_MAX,
          withinMs: PATIENCE_MS,
          backoff: { ...retryDefaults.backoff, maxMs: PAUSE_MAX_MS },
        },
      },
    ],
    onFailure: 'hold',
    metrics: {},
    operations: { [operation.name]: operation },
    events: {
      [name]: {
        contract: version,
        event: event.id,
        payload: bundled(contract, event.message.payload, 'response'),
      },
    },
    policies: {},
    contracts: [version],
    redact: personal.length > 0 ? { event: personal } : {},
    source: { file: `connectors/${manifest.name}/connector.yaml`, text },
  };
  return { ...plan, hash: planHash(plan) };
}

function publishing(manifest: ConnectorManifest, contract: Contract, event: EventDefinition): OperationPlan {
  // Looked at by the caller.
  const { to, idempotency, scopes, message } = manifest.publications[event.id]!;
  const headers = sentHeaders(manifest, contract, event);
  return {
    name: `${manifest.name}.${publicationOperation(event.id)}`,
    connector: manifest.name,
    operation: publicationOperation(event.id),
    contract: { name: contract.name, version: contract.version, digest: contract.digest },
    transport: manifest.transport,
    effect: 'send',
    idempotency,
    scopes,
    timeoutMs: manifest.defaults.timeoutMs,
    failures: manifest.defaults.failures,
    auth: manifest.auth,
    egress: manifest.egress,
    input: bundled(
      contract,
      {
        type: 'object',
        properties: {
          body: event.message.payload,
          ...(headers && { headers }),
        },
        required: ['body', ...((headers?.required ?? []).length > 0 ? ['headers'] : [])],
        additionalProperties: false,
      },
      'request',
    ),
    // Whatever the broker says of where it put the message.
    result: true,
    message: {
      channel: event.channel ?? event.id,
      address: to ?? event.address ?? event.channel ?? event.id,
      parameters: [],
      contentType: event.message.contentType,
      bindings: { ...event.bindings, ...event.message.bindings },
      ...message,
    },
  };
}

function sentHeaders(
  manifest: ConnectorManifest,
  contract: Contract,
  event: EventDefinition,
): SchemaObject | undefined {
  // Looked at by the caller.
  const { idempotency } = manifest.publications[event.id]!;
  const keyHeader = idempotency.mode === 'header' ? idempotency.name.toLowerCase() : undefined;
  return headersSchema([event.message.headers], contract.definitions, { keyHeader });
}

/** `/order/id` → `["order"]["id"]`. */
function pathOf(pointer: string): string {
  return pointer
    .slice(1)
    .split('/')
    .map((token) => `[${JSON.stringify(token.replaceAll('~1', '/').replaceAll('~0', '~'))}]`)
    .join('');
}
