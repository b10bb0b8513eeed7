import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '@tenon/model';
import type { Answer } from './answer.ts';
import { isJson } from './body.ts';
import { drifted } from './drift.ts';
import type { Fault } from './faults.ts';

const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Reads a whole body; `undefined` when it is larger than `BODY_BYTES_MAX`. */
export async function readBytes(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    // A request stream without an encoding yields Buffers.
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size <= BODY_BYTES_MAX) chunks.push(bytes);
  }
  return size > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks);
}

/** Where a request goes; `undefined` where nobody can tell. */
export function addressOf(request: IncomingMessage): URL | undefined {
  const { url = '/', headers } = request;
  return URL.parse(url, `http://${headers.host ?? '127.0.0.1'}`) ?? undefined;
}

/** An answer of the sandbox itself, apart from those of its contract. */
export function answerAside(response: ServerResponse, status: number, words: string): void {
  send(response, {
    status,
    headers: { 'x-sandbox-error': '1' },
    mediaType: 'text/plain',
    body: `${words}\n`,
  });
}

/** Lower-case names, repeated headers joined as RFC 9110 §5.3 says. */
export function plainHeaders(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
}

/** An answer as bytes, spoilt as the fault says. */
export interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly bytes: Buffer;
  /** The connection ends within the body. */
  readonly isCut: boolean;
}

export function rendered(answer: Answer, fault?: Fault): Rendered {
  const body =
    fault?.kind === 'drift' && answer.body !== undefined ? drifted(answer.body, fault) : answer.body;
  const text = body === undefined ? '' : render(body, answer.mediaType ?? 'application/json');
  const sent = fault?.kind === 'malformedBody' ? `${text.slice(0, -1)},` : text;
  const hasBody = answer.status !== 204 && answer.status !== 304;
  const bytes = Buffer.from(hasBody ? sent : '', 'utf8');
  return {
    status: answer.status,
    headers: {
      ...answer.headers,
      ...(hasBody && { 'content-length': bytes.length }),
      ...(hasBody && answer.mediaType !== undefined && { 'content-type': answer.mediaType }),
    },
    bytes,
    isCut: fault?.kind === 'truncatedBody',
  };
}

/** Sends an answer, spoilt as the fault says. */
export function send(response: ServerResponse, answer: Answer, fault?: Fault): void {
  const { status, headers, bytes, isCut } = rendered(answer, fault);
  response.writeHead(status, headers);
  if (isCut) {
    // The length promised is the whole: the reader sees the connection end inside the body.
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
    return;
  }
  response.end(bytes.length > 0 ? bytes : undefined);
}

function render(body: Json, mediaType: string): string {
  return !isJson(mediaType) && typeof body === 'string' ? body : JSON.stringify(body);
}
