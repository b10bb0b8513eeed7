import {
  basicCredentials,
  brokerAddress,
  CredentialsMissing,
  MessageRefused,
  signAws,
  type TransportContext,
} from '@tenon/connector';
import { type Agent, request } from 'undici';

const PROTOCOLS = {
  https: { port: 443, isSecure: true },
  http: { port: 80, isSecure: false },
} as const;
const OBJECT_BYTES_MAX = 16 * 1024 * 1024;
const REGION_DEFAULT = 'us-east-1';

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Of an object, encoded already; empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly contentType?: string;
}

interface PreparedRequest {
  readonly url: URL;
  readonly method: S3Request['method'];
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
}

/** Signs a request to the connection's bucket, whose own URL is the base URL (`?region=` names its region). */
export async function prepareRequest(
  context: TransportContext,
  { method, key, query = {}, headers, body, contentType }: S3Request,
): Promise<PreparedRequest> {
  const { connection, clock } = context;
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, 'sign requests');
  if (login === undefined) throw new CredentialsMissing(`connection ${connection.name} needs an access key`);
  const { origin } = new URL(connection.baseUrl);
  const url = new URL(`${origin}/${[address.path, key].filter((part) => part !== '').join('/')}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const signed = await signAws(
    {
      method,
      url,
      headers: { ...(contentType !== undefined && { 'content-type': contentType }), ...headers },
      body: body ?? new Uint8Array(),
    },
    {
      accessKeyId: login.username,
      secretAccessKey: login.password,
      region: address.parameters.get('region') ?? REGION_DEFAULT,
      service: 's3',
    },
    clock.now(),
  );
  return { url, method, headers: signed, ...(body !== undefined && { body }) };
}

export async function sendRequest(
  agent: Agent,
  { url, ...prepared }: PreparedRequest,
  signal: AbortSignal,
): Promise<{
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}> {
  const response = await request(url, { dispatcher: agent, signal, ...prepared });
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
  );
  return { status: response.statusCode, headers, bytes: await bounded(response.body) };
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
