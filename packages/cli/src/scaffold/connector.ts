import type { Contract, HttpOperation, Operation, SecurityScheme } from '@tenon/contract';
import { isObject } from '@tenon/model';
import { Document, parseDocument as parseYaml } from 'yaml';

/** A manifest for every operation of a contract, with the effects, scopes and idempotency that the contract itself tells. */
export function scaffoldConnector(contract: Contract, name: string, owner: string): string {
  const operations = [...contract.operations.values()];
  const scopes = { read: new Set<string>(), write: new Set<string>() };
  const entries = operations.map((operation) => {
    const entry = operationEntry(operation);
    for (const scope of entry.scopes) scopes[entry.effect === 'read' ? 'read' : 'write'].add(scope);
    return [operation.id, { ...entry, scopes: entry.scopes.length > 0 ? entry.scopes : undefined }] as const;
  });
  const manifest = {
    apiVersion: 'tenon/v1',
    kind: 'Connector',
    metadata: { name, version: '0.1.0', owner },
    contract: contract.name,
    auth: [...contract.securitySchemes.values()].flatMap(authEntry),
    identities: identities(scopes),
    defaults: { timeout: '10s' },
    operations: Object.fromEntries(entries),
  };
  const document = new Document(JSON.parse(JSON.stringify(manifest)));
  document.commentBefore =
    ' Made from the contract. Go through it: an effect without idempotency or probe is never repeated when its answer is lost.\n yaml-language-server: $schema=../../generated/schema/connector.schema.json';
  return document.toString({ lineWidth: 110 });
}

const EFFECTS: Readonly<Record<string, 'read' | 'create' | 'update' | 'delete'>> = {
  get: 'read',
  head: 'read',
  options: 'read',
  trace: 'read',
  query: 'read',
  post: 'create',
  put: 'update',
  patch: 'update',
  delete: 'delete',
};

interface OperationEntry {
  readonly effect: 'read' | 'create' | 'update' | 'delete' | 'send';
  readonly scopes: readonly string[];
  readonly idempotency?: { readonly mode: string; readonly name?: string };
}

function operationEntry(operation: Operation): OperationEntry {
  const scopes = [...new Set(Object.values(operation.security[0] ?? {}).flat())];
  if (operation.kind === 'message') return { effect: 'send', scopes, idempotency: { mode: 'none' } };
  const effect = EFFECTS[operation.method] ?? 'update';
  return effect === 'read' ? { effect, scopes } : { effect, scopes, idempotency: idempotencyOf(operation) };
}

/** Methods that RFC 9110 §9.2.2 calls idempotent, and the header that its draft successor for POST names. */
function idempotencyOf(operation: HttpOperation): { readonly mode: string; readonly name?: string } {
  const header = operation.parameters.find(
    (parameter) => parameter.in === 'header' && /^(x-)?idempotency-key$/i.test(parameter.name),
  );
  if (header) return { mode: 'header', name: header.name };
  return { mode: operation.method === 'put' || operation.method === 'delete' ? 'natural' : 'none' };
}

function identities(scopes: {
  readonly read: ReadonlySet<string>;
  readonly write: ReadonlySet<string>;
}): object {
  return {
    ...(scopes.read.size > 0 && { reader: [...scopes.read] }),
    ...(scopes.write.size > 0 && { writer: [...scopes.write] }),
  };
}

function authEntry(scheme: SecurityScheme): object[] {
  if (scheme.type === 'apiKey' && scheme.name)
    return [{ id: scheme.id, type: 'apiKey', in: scheme.in, name: scheme.name }];
  if (scheme.type === 'http' && scheme.scheme === 'basic') return [{ id: scheme.id, type: 'basic' }];
  if (scheme.type === 'http' || scheme.type === 'openIdConnect') return [{ id: scheme.id, type: 'bearer' }];
  const flow = scheme.flows?.['clientCredentials'];
  if (scheme.type === 'oauth2' && isObject(flow) && typeof flow['tokenUrl'] === 'string') {
    return [{ id: scheme.id, type: 'oauth2', flow: 'clientCredentials', tokenUrl: flow['tokenUrl'] }];
  }
  return scheme.type === 'oauth2' ? [{ id: scheme.id, type: 'bearer' }] : [];
}

const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['value'],
  bearer: ['token'],
  basic: ['username', 'password'],
  oauth2: ['clientId', 'clientSecret'],
};

/** The configuration with a connection for the connector in it; comments and order of the rest stay as they are. */
export function addConnection(config: string, contract: Contract, name: string): string {
  const document = parseYaml(config);
  const prefix = name.toUpperCase().replaceAll('-', '_');
  // One way to authenticate is enough, and the first is the one that the contract prefers.
  const schemes = [...contract.securitySchemes.values()].flatMap(authEntry).slice(0, 1) as {
    id: string;
    type: string;
  }[];
  const credentials = Object.fromEntries(
    schemes.map(({ id, type }) => [
      id,
      Object.fromEntries((CREDENTIALS[type] ?? []).map((field) => [field, `env:${prefix}_${snake(field)}`])),
    ]),
  );
  document.setIn(
    ['connections', name],
    document.createNode({ connector: name, baseUrl: `env:${prefix}_URL`, credentials }),
  );
  return document.toString({ lineWidth: 110 });
}

function snake(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
