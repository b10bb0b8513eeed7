import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, EventDefinition, Operation } from '@tenon/contract';
import { isObject, seededRandom } from '@tenon/model';
import { planOperation } from '@tenon/pipeline';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject, sample } from '@tenon/schema';
import { Document } from 'yaml';

export interface PipelineFacts {
  readonly name: string;
  readonly owner: string;
  readonly backup: string;
  readonly contract: Contract;
  /** The contract that a connector speaks. */
  contractOf(manifest: ConnectorManifest): Contract;
  readonly event: EventDefinition;
  readonly calls: readonly {
    readonly call: string;
    readonly operation: Operation;
    readonly manifest: ConnectorManifest;
  }[];
}

/** A pipeline whose parts are all there; what only its author can know stands in it as an error of `tenon check`. */
export function scaffoldPipeline(facts: PipelineFacts): string {
  const { name, owner, backup, contract, event } = facts;
  const fields = propertiesOf(event.message.payload, contract);
  const key =
    [entityId(event.id, Object.keys(fields)), 'id', 'eventId'].find(
      (field) => field !== undefined && field in fields,
    ) ??
    Object.keys(fields)[0] ??
    'id';
  const spec = {
    apiVersion: 'tenon/v1',
    kind: 'Pipeline',
    metadata: {
      name,
      version: 1,
      description: event.summary ?? `What happens on ${contract.name}.${event.id}.`,
    },
    owner: { team: owner, backup, escalation: `mail:${owner}`, respond: '30m', recover: '8h' },
    tier: 'low',
    trigger: { event: `${contract.name}.${event.id}` },
    identity: { key: `\${ event.${key} }`, retain: '30d' },
    limits: { concurrency: 10, deadline: '15m' },
    steps: facts.calls.map(({ call, operation, manifest }, index) => ({
      id: stepId(operation.id, index),
      call,
      with: {
        ...Object.fromEntries(
          requiredInputs(operation).map((field) => [
            field,
            field in fields ? `\${ event.${field} }` : `\${ event.${key} }`,
          ]),
        ),
        ...bodyOf(operation, manifest, facts, fields),
      },
      ...(manifest.operations[operation.id]?.effect !== 'read' && {
        irreversible: {
          because: 'say why it cannot be undone, or use compensate',
          forward: { task: 'say what is to be done', owner, within: '1d' },
        },
      }),
    })),
    onFailure: 'compensate',
  };
  const document = new Document(spec);
  document.commentBefore = ' yaml-language-server: $schema=../generated/schema/pipeline.schema.json';
  return document.toString({ lineWidth: 110 });
}

/** The required fields of the body: taken from the event where it has one of that name, else made up, to be replaced. */
function bodyOf(
  operation: Operation,
  manifest: ConnectorManifest,
  facts: PipelineFacts,
  fields: NonNullable<SchemaObject['properties']>,
): { readonly body?: Readonly<Record<string, unknown>> } {
  const plan = planOperation(facts.contractOf(manifest), manifest, operation.id);
  const body = isSchemaObject(plan?.input) ? plan.input.properties?.['body'] : undefined;
  if (!isSchemaObject(plan?.input) || body === undefined) return {};
  const definitions = plan.input.$defs ?? {};
  const made = sample(body, { random: seededRandom(1), definitions, optional: 0 });
  if (!isObject(made)) return {};
  const entries = Object.entries(made).map(([field, value]) => [
    field,
    field in fields ? `\${ event.${field} }` : value,
  ]);
  return { body: Object.fromEntries(entries) };
}

function requiredInputs(operation: Operation): string[] {
  return operation.parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name);
}

function stepId(operationId: string, index: number): string {
  const id = operationId.replaceAll(/[^A-Za-z0-9]/g, '');
  return /^[a-z]/.test(id) ? id : `step${index + 1}`;
}

function propertiesOf(schema: JsonSchema, contract: Contract): NonNullable<SchemaObject['properties']> {
  const name = definitionName(schema);
  const resolved = name === undefined ? schema : contract.definitions[name];
  if (!isSchemaObject(resolved)) return {};
  const parts = (resolved.allOf ?? []).map((part) => propertiesOf(part, contract));
  return Object.assign({}, ...parts, resolved.properties);
}

/** The id of what an event is about: `orderId` of `orderPaid`. An event's own id is another one at each delivery (C40). */
function entityId(event: string, fields: readonly string[]): string | undefined {
  return fields.find(
    (field) => field.endsWith('Id') && field !== 'eventId' && event.startsWith(field.slice(0, -2)),
  );
}
