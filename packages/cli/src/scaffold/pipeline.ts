import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, EventDefinition, Operation } from '@tenon/contract';
import { planOperation } from '@tenon/pipeline';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { Document } from 'yaml';
import { splitAtDot } from '../text/split-at-dot.ts';
import { commentAbove } from './comment-above.ts';
import { type Identity, scaffoldIdentity } from './identity.ts';
import { type Fields, propertiesOf, resolved, toBeGiven } from './schema-fields.ts';

export interface PipelineFacts {
  readonly name: string;
  readonly owner: string;
  readonly backup: string;
  readonly contract: Contract;
  /** The contract that a connector speaks. */
  contractOf(manifest: ConnectorManifest): Contract;
  readonly event: EventDefinition;
  /** Those that speak the contract of the event. */
  readonly manifests: readonly ConnectorManifest[];
  /** Connectors of the connections over which the event may come, one for each. */
  readonly incoming: readonly string[];
  readonly calls: readonly {
    readonly call: string;
    readonly operation: Operation;
    readonly manifest: ConnectorManifest;
  }[];
}

/**
 * A pipeline whose parts are all there. What only its author can know stands in it as `TODO: …`, which `tenon check`
 * refuses: made-up values that pass would be sent as if somebody meant them.
 */
export function scaffoldPipeline(facts: PipelineFacts): string {
  const { name, owner, backup, contract, event } = facts;
  const fields = propertiesOf(event.message.payload, contract.definitions);
  const { identity, because } = scaffoldIdentity(facts);
  const isOfSeveral = facts.incoming.length > 1;
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
    identity: isOfSeveral ? toldApart(identity) : identity,
    limits: { concurrency: 10, deadline: '15m' },
    steps: facts.calls.map(({ call, operation, manifest }, index) => {
      const id = stepId(operation.id, index);
      const given: Given = (field) => {
        // An id is good in the system that gave it: in another it would name something else, or nothing.
        const isForeign = ID.test(field) && manifest.contract !== contract.name;
        if (field in fields && !isForeign) return `\${ event.${field} }`;
        return isForeign ? madeBefore(index, facts) : undefined;
      };
      return {
        id,
        call,
        // Its own account, where that is one of this connector.
        ...(isOfSeveral && facts.incoming.every((one) => one === manifest.name) && { over: CONNECTION }),
        with: inputOf(operation, manifest, facts, given),
        ...(manifest.operations[operation.id]?.effect !== 'read' &&
          wayBack(id, call, operation, manifest, facts)),
      };
    }),
    onFailure: 'compensate',
  };
  const document = new Document(spec);
  document.commentBefore = ' yaml-language-server: $schema=../generated/schema/pipeline.schema.json';
  commentAbove(document, ['identity', 'key'], because);
  return document.toString({ lineWidth: 110 });
}

const CONNECTION = '${ connection }';

/** Two accounts have the same ids. What its author is to say yet stays so. */
function toldApart(identity: Identity): Identity {
  const { key, orderBy } = identity;
  const of = (text: string): string => (text.startsWith('TODO: ') ? text : `${CONNECTION}:${text}`);
  return { ...identity, key: of(key), ...(orderBy !== undefined && { orderBy: of(orderBy) }) };
}

const ID = /id$/i;

/** The id of what the last step before makes in the same system. */
function madeBefore(index: number, facts: PipelineFacts): string | undefined {
  const { manifest } = facts.calls[index]!;
  const at = facts.calls.findLastIndex(
    (one, place) =>
      place < index &&
      one.manifest.name === manifest.name &&
      manifest.operations[one.operation.id]?.effect === 'create' &&
      'id' in planOf(one.operation.id, one.manifest, facts).result,
  );
  return at < 0 ? undefined : `\${ steps.${stepId(facts.calls[at]!.operation.id, at)}.id }`;
}

/** The expression that gives a field of that name, where one is at hand. */
type Given = (field: string) => string | undefined;

/** The required inputs: taken from what is at hand where it has one of that name, else left to the author. */
function inputOf(
  operation: Operation,
  manifest: ConnectorManifest,
  facts: PipelineFacts,
  given: Given,
): Readonly<Record<string, unknown>> {
  const parameters = operation.parameters.filter(({ required }) => required);
  const body = planOf(operation.id, manifest, facts).body;
  return {
    ...Object.fromEntries(
      parameters.map(({ name, schema }) => [name, given(name) ?? toBeGiven(name, schema)]),
    ),
    ...(body && {
      body: Object.fromEntries(
        (body.schema.required ?? []).map((field) => {
          const schema = body.fields[field] ?? true;
          return [field, onlyValue(schema) ?? given(field) ?? toBeGiven(field, schema)];
        }),
      ),
    }),
  };
}

/** The compensation that the connector names, if pipelines may use it; else a reason that only the author can give. */
function wayBack(
  id: string,
  call: string,
  operation: Operation,
  manifest: ConnectorManifest,
  facts: PipelineFacts,
): object {
  const undo = manifest.operations[operation.id]?.compensation?.operation;
  const undoing = undo === undefined ? undefined : facts.contractOf(manifest).operations.get(undo);
  // To delete a record is no way back: what had happened would be gone with it.
  if (!undo || !undoing || manifest.operations[undo]?.effect === 'delete')
    return {
      irreversible: {
        because: 'TODO: why it cannot be undone; or use `compensate`',
        forward: {
          task: 'TODO: what is to be done when a later step fails',
          owner: facts.owner,
          within: '1d',
        },
      },
    };
  const { result } = planOf(operation.id, manifest, facts);
  const given: Given = (field) => {
    const own = field in result ? field : 'id' in result && ID.test(field) ? 'id' : undefined;
    return own === undefined ? undefined : `\${ steps.${id}.${own} }`;
  };
  return {
    compensate: {
      call: `${splitAtDot(call)[0]}.${undo}`,
      with: inputOf(undoing, manifest, facts, given),
    },
  };
}

function planOf(
  operation: string,
  manifest: ConnectorManifest,
  facts: PipelineFacts,
): { readonly body?: { readonly schema: SchemaObject; readonly fields: Fields }; readonly result: Fields } {
  const plan = planOperation(facts.contractOf(manifest), manifest, operation);
  const input = isSchemaObject(plan?.input) ? plan.input : undefined;
  const definitions = input?.$defs ?? {};
  const schema = resolved(input?.properties?.['body'], definitions);
  const result = isSchemaObject(plan?.result) ? plan.result : {};
  return {
    ...(schema && { body: { schema, fields: propertiesOf(schema, definitions) } }),
    result: propertiesOf(result, result.$defs ?? {}),
  };
}

/** The one value that a schema allows. */
function onlyValue(schema: JsonSchema): unknown {
  if (!isSchemaObject(schema)) return undefined;
  return schema.const ?? (schema.enum?.length === 1 ? schema.enum[0] : undefined);
}

function stepId(operationId: string, index: number): string {
  const id = operationId.replaceAll(/[^A-Za-z0-9]/g, '');
  return /^[a-z]/.test(id) ? id : `step${index + 1}`;
}
