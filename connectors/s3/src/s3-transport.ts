import {
  basicCredentials,
  brokerAddress,
  CredentialsMissing,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  parseExactJson,
  signAws,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { FailureClass, Json } from '@tenon/model';
import { Agent, request } from 'undici';

const PROTOCOLS = {
  https: { port: 443, isSecure: true },
  http: { port: 80, isSecure: false },
} as const;
const CONNECTIONS_MAX = 16;
const OBJECT_BYTES_MAX = 16 * 1024 * 1024;
const REGION_DEFAULT = 'us-east-1';

/** What the store says without having taken anything: connecting had failed. */
const UNCONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** One part of a key: what needs no encoding in a path, and does not walk up it. */
const KEY_PART = /^(?!\.{1,2}$)[A-Za-z0-9!_.*'()-]{1,200}$/;

/**
 * Objects of one bucket, whose own URL is the base URL (`?region=` names its region). The operation's effect says what is done
 * with the object that the channel's address names: `read` gets it, `delete` deletes it, `create` puts it only where there is none
 * (`If-None-Match: *`), `update` puts it whatever is there. A store that answers is believed; one that does not leaves the call `lost`.
 */
export function s3Transport(context: TransportContext): Transport {
  const agent = new Agent({ connections: CONNECTIONS_MAX });
  return messageTransport(context, { publish, close: () => agent.close() }, { parameter: KEY_PART });

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<Json> {
    const { connection, clock } = context;
    const address = brokerAddress(connection, PROTOCOLS);
    const login = await basicCredentials(context, 'sign requests');
    if (login === undefined)
      throw new CredentialsMissing(`connection ${connection.name} needs an access key`);
    const { effect } = message.operation;
    const method = effect === 'read' ? 'GET' : effect === 'delete' ? 'DELETE' : 'PUT';
    const { origin } = new URL(connection.baseUrl);
    const path = `/${[address.path, message.address].filter((part) => part !== '').join('/')}`;
    const body = method === 'PUT' ? message.body : new Uint8Array();
    const headers = await signAws(
      {
        method,
        url: new URL(`${origin}${path}`),
        headers: {
          ...(method === 'PUT' && { 'content-type': message.contentType }),
          ...(effect === 'create' && { 'if-none-match': '*' }),
        },
        body,
      },
      {
        accessKeyId: login.username,
        secretAccessKey: login.password,
        region: address.parameters.get('region') ?? REGION_DEFAULT,
        service: 's3',
      },
      clock.now(),
    );
    signal.throwIfAborted();
    sending();
    try {
      const response = await request(`${origin}${path}`, {
        dispatcher: agent,
        method,
        headers,
        signal,
        ...(method === 'PUT' && { body }),
      });
      const bytes = await bounded(response.body);
      const refused = refusalOf(response.statusCode);
      if (refused !== undefined) throw refused;
      if (method === 'DELETE') return null;
      if (method === 'PUT') return { etag: String(response.headers['etag'] ?? '') };
      return parsed(bytes);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (UNCONNECTED.has(code))
        throw new MessageRefused(
          'transient',
          `the store cannot be reached (${code}); nothing was sent`,
          'notSent',
        );
      throw error;
    }
  }
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > OBJECT_BYTES_MAX)
      throw new MessageRefused('contract', `the object is larger than ${OBJECT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(bytes: Buffer): Json {
  try {
    return parseExactJson(bytes);
  } catch {
    throw new MessageRefused('contract', 'the object is not JSON');
  }
}

/** By status; any other success or failure by its hundred. The store's own text may quote the key. */
const CLASSES: Readonly<Record<number, FailureClass>> = {
  401: 'auth',
  403: 'permission',
  404: 'notFound',
  408: 'transient',
  409: 'conflict',
  412: 'duplicate',
  429: 'rateLimited',
  503: 'rateLimited',
};

function refusalOf(status: number): MessageRefused | undefined {
  if (status >= 200 && status < 300) return undefined;
  const failureClass = CLASSES[status] ?? (status >= 500 ? 'transient' : 'permanent');
  return new MessageRefused(failureClass, `the store answered ${status}`, 'answered', status);
}
