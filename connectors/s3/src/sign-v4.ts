import { createHash, createHmac } from 'node:crypto';

export interface SignedRequest {
  readonly method: string;
  /** Encoded already, with its first slash. */
  readonly path: string;
  /** Lower-case names; all of them are signed. `host` must be among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface SigningKey {
  readonly id: string;
  readonly secret: string;
  readonly region: string;
  readonly service: string;
}

/**
 * The headers that sign a request by AWS Signature Version 4: those given, with `x-amz-date`, `x-amz-content-sha256` and
 * `authorization` added. Requests here have no query. Pure.
 */
export function signV4(request: SignedRequest, key: SigningKey, atMs: number): Record<string, string> {
  const date = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const digest = sha256(request.body);
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-content-sha256': digest,
    'x-amz-date': date,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    request.path,
    '',
    ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    digest,
  ].join('\n');
  const scope = [date.slice(0, 8), key.region, key.service, 'aws4_request'];
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const signing = scope.reduce<Buffer>(
    (before, part) => hmac(before, part),
    Buffer.from(`AWS4${key.secret}`),
  );
  const signature = hmac(signing, text).toString('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${key.id}/${scope.join('/')},SignedHeaders=${names.join(';')},Signature=${signature}`,
  };
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
