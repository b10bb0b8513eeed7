import {
  type CallRequest,
  type CallResult,
  type ConnectorManifest,
  guardedTransport,
  httpTransport,
  type OperationPlan,
  type ProbeManifest,
  type Transport,
} from '@tenon/connector';
import mailConnector from '@tenon/connector-mail';
import { compileExpression, parseTemplate } from '@tenon/expression';
import { isObject, type Json, type JsonObject, Secret, systemClock, systemRandom } from '@tenon/model';
import { loadWorkspace, planOperation, type Workspace } from '@tenon/pipeline';

let loaded: Promise<Workspace> | undefined;

/** The repository's own workspace, read once. */
export function ownWorkspace(): Promise<Workspace> {
  loaded ??= loadWorkspace(new URL('../../..', import.meta.url).pathname).then(({ value, diagnostics }) => {
    if (value === undefined) throw new Error(JSON.stringify(diagnostics));
    return value;
  });
  return loaded;
}

export interface BenchConnector {
  readonly manifest: ConnectorManifest;
  readonly transport: Transport;
  plan(operation: string): OperationPlan;
  call(operation: string, input: JsonObject, change?: Partial<CallRequest>): Promise<CallResult>;
  /** Asks what became of a call, as the runtime would: the effect, null for proven absence, `undefined` for no answer. */
  probe(operation: string, input: JsonObject, key: string): Promise<Json | undefined>;
}

/** A connector of the workspace, joined to its contract and pointed at `baseUrl`. */
export async function benchConnector(name: string, baseUrl: string): Promise<BenchConnector> {
  const workspace = await ownWorkspace();
  const manifest = workspace.connectors.get(name)!;
  const contract = workspace.contracts.get(manifest.contract)!;
  const context = {
    connection: {
      name,
      connector: name,
      baseUrl,
      credentials: Object.fromEntries(manifest.auth.map(({ id }) => [id, ALL_FIELDS])),
      webhookSecrets: [],
    },
    secrets: {
      resolve: async (reference: `env:${string}` | `file:${string}`) =>
        new Secret(reference, reference.slice(4)),
    },
    clock: systemClock,
    random: systemRandom,
  };
  const bare =
    manifest.transport === 'http'
      ? httpTransport(context)
      : mailConnector.transports![manifest.transport]!(context);
  const transport = guardedTransport(bare, manifest.defaults, {
    clock: systemClock,
    connection: name,
    grants: 'all',
  });
  const plan = (operation: string): OperationPlan => {
    const made = planOperation(contract, manifest, operation);
    if (made === undefined) throw new Error(`${name} has no operation ${operation}`);
    return made;
  };
  const call: BenchConnector['call'] = (operation, input, change = {}) =>
    transport.call({ operation: plan(operation), input, idempotencyKey: `key-of-${operation}`, ...change });
  return {
    manifest,
    transport,
    plan,
    call,
    probe: async (operation, input, key) => {
      const declared = manifest.operations[operation]?.probe;
      if (declared === undefined) throw new Error(`${operation} declares no probe`);
      return runProbe(declared, input, key, call);
    },
  };
}

const ALL_FIELDS = {
  value: 'env:value',
  token: 'env:token',
  username: 'env:username',
  password: 'env:password',
  clientId: 'env:clientId',
  clientSecret: 'env:clientSecret',
} as const;

async function runProbe(
  probe: ProbeManifest,
  request: JsonObject,
  key: string,
  call: BenchConnector['call'],
): Promise<Json | undefined> {
  const input = Object.fromEntries(
    Object.entries(probe.with).map(([name, value]) => [name, evaluated(value, { request, key })]),
  );
  const result = await call(probe.operation, input);
  if (!result.ok) return undefined;
  const found = compileExpression(probe.found).evaluate({ body: result.body, request, key });
  return found.ok ? found.value : undefined;
}

/** A value of `with`: a whole `${ }` keeps its type, anything else stays as written. */
function evaluated(value: unknown, scope: JsonObject): Json {
  if (typeof value !== 'string')
    return isObject(value) || Array.isArray(value) ? JSON.parse(JSON.stringify(value)) : null;
  const [part, ...more] = parseTemplate(value).parts;
  if (part?.kind !== 'expression' || more.length > 0) return value;
  const result = compileExpression(part.expression.source).evaluate(scope);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
