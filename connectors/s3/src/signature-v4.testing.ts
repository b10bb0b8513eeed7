import { createHash, createHmac } from 'node:crypto';

/** A request as a store receives it: headers are those that were signed, in lower case. */
interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

interface Key {
  readonly secret: string;
  readonly region: string;
  readonly service: string;
}

/** The other side's arithmetic of AWS Signature Version 4, by itself, so that a store of a test can verify what comes. */
export function signatureV4(
  { method, path, query, headers, body }: ReceivedRequest,
  key: Key,
  atMs: number,
): string {
  const date = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    Object.entries(query)
      .map((pair) => pair.map(encodeURIComponent).join('='))
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n');
  const scope = [date.slice(0, 8), key.region, key.service, 'aws4_request'];
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const signing = scope.reduce<Buffer>(
    (before, part) => hmac(before, part),
    Buffer.from(`AWS4${key.secret}`),
  );
  return hmac(signing, text).toString('hex');
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
