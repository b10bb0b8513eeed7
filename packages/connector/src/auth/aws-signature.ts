import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { Secret } from '@tenon/model';

export interface AwsKey {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken?: Secret | undefined;
  readonly region: string;
  readonly service: string;
}

export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  /** Of a streamed body, which is not there as a whole: its digest, reckoned by the hash that is handed in. */
  readonly digest?: (hash: Hash) => Promise<Buffer>;
}

/** What proxies on the way change or add: signed, it would turn their work into a refusal. */
const UNSIGNED = new Set(['accept', 'accept-encoding', 'traceparent', 'x-correlation-id']);

/** The headers given and those that sign the request by AWS Signature Version 4. */
export async function signAws(
  request: AwsRequest,
  key: AwsKey,
  atMs: number,
): Promise<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken, region, service } = key;
  const { method, url } = request;
  // Loaded by those who sign: most connectors never do.
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({
    service,
    region,
    credentials: {
      accessKeyId: accessKeyId.reveal(),
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken && { sessionToken: sessionToken.reveal() }),
    },
    sha256: NodeSha256,
    // S3 signs the path as it is sent; every other service encodes it once more.
    uriEscapePath: service !== 's3',
  });
  // Where the digest stands in this header already, the signer takes it from there.
  const digest = await request.digest?.(createHash('sha256'));
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name);
  const signed = await signer.sign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query,
      headers: {
        ...request.headers,
        host: url.host,
        ...(digest && { 'x-amz-content-sha256': digest.toString('hex') }),
      },
      ...(request.body !== undefined && { body: request.body }),
    },
    { signingDate: new Date(atMs), unsignableHeaders: UNSIGNED },
  );
  return { ...signed.headers };
}

/** SHA-256 and HMAC-SHA-256 as the signer wants to have them handed in. */
class NodeSha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a digest is taken once');
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof secret === 'string') return Buffer.from(secret);
  return ArrayBuffer.isView(secret)
    ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
    : new Uint8Array(secret);
}
