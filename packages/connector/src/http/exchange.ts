import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, type ZlibOptions, zstdDecompress } from 'node:zlib';
import type { Agent } from 'undici';

export interface WireRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** What became of one request on the wire. `started` says whether a byte of it may have left. */
export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Headers;
      readonly body: Uint8Array;
    }
  | {
      readonly kind: 'broken';
      readonly started: boolean;
      readonly cause: 'aborted' | 'connection';
      readonly status?: number;
      /** Node's or undici's own code (`ECONNREFUSED`, `UND_ERR_SOCKET`): safe to show. */
      readonly code: string;
    }
  /** A whole status came, and a body that we will not or cannot read. */
  | {
      readonly kind: 'unreadable';
      readonly status: number;
      readonly headers: Headers;
      readonly reason: 'tooLarge' | 'encoding';
    };

/** Lower-case names, repeated ones joined by `, `; `set-cookie` is left out (it holds credentials and nobody reads it). */
export type Headers = Readonly<Record<string, string>>;

/**
 * One request, one answer, nothing retried, nothing followed. Stops when `signal` aborts. A request whose connection
 * was never made has not started; from the moment undici takes it to a socket it has, since the bytes may be gone.
 */
export function exchange(
  agent: Agent,
  request: WireRequest,
  signal: AbortSignal,
  bodyBytesMax: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let abortWire: ((reason: Error) => void) | undefined;
    let started = false;
    let settled = false;
    let status: number | undefined;
    let headers: Headers = {};
    const chunks: Buffer[] = [];
    let bytes = 0;

    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
      return;
    }
    try {
      agent.dispatch(
        {
          origin: request.url.origin,
          path: `${request.url.pathname}${request.url.search}`,
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        {
          onRequestStart(controller) {
            if (settled) {
              controller.abort(new Error('settled'));
              return;
            }
            started = true;
            abortWire = (reason) => controller.abort(reason);
          },
          onResponseStart(_controller, statusCode, incoming) {
            if (statusCode < 200) return;
            status = statusCode;
            headers = joined(incoming);
            if (Number(headers['content-length'] ?? 0) > bodyBytesMax) refuse('tooLarge');
          },
          onResponseData(_controller, chunk) {
            bytes += chunk.length;
            if (bytes > bodyBytesMax) refuse('tooLarge');
            else chunks.push(chunk);
          },
          onResponseEnd() {
            decoded(Buffer.concat(chunks), headers['content-encoding'], bodyBytesMax).then(
              (body) => settle({ kind: 'answered', status: status!, headers, body }),
              (error: NodeJS.ErrnoException) =>
                settle({
                  kind: 'unreadable',
                  status: status!,
                  headers,
                  reason: error.code === 'ERR_BUFFER_TOO_LARGE' ? 'tooLarge' : 'encoding',
                }),
            );
          },
          onResponseError(_controller, error) {
            broken('connection', errorCode(error));
          },
        },
      );
    } catch (error) {
      broken('connection', errorCode(error));
    }

    function onAbort(): void {
      broken('aborted', 'ABORTED');
      abortWire?.(new Error('aborted'));
    }

    function refuse(reason: 'tooLarge'): void {
      settle({ kind: 'unreadable', status: status!, headers, reason });
      abortWire?.(new Error(reason));
    }

    function broken(cause: 'aborted' | 'connection', code: string): void {
      settle({ kind: 'broken', started, cause, code, ...(status !== undefined && { status }) });
    }

    function settle(outcome: Exchange): void {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    }
  });
}

type Decompress = (data: Uint8Array, options: ZlibOptions) => Promise<Buffer>;

const DECOMPRESSORS: Readonly<Record<string, Decompress>> = {
  gzip: promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Uint8Array, ZlibOptions, Buffer>(inflate),
  br: (data, { maxOutputLength }) =>
    promisify(brotliDecompress)(data, maxOutputLength === undefined ? {} : { maxOutputLength }),
  zstd: (data, { maxOutputLength }) =>
    promisify(zstdDecompress)(data, maxOutputLength === undefined ? {} : { maxOutputLength }),
};

/** Encodings we ask for: the ones we can take apart. */
export const ACCEPT_ENCODING = 'gzip, deflate, br, zstd';

/** Takes content encodings off, last applied first. The cap holds for every layer, so a small bomb stays small. */
async function decoded(
  body: Uint8Array,
  encoding: string | undefined,
  bytesMax: number,
): Promise<Uint8Array> {
  let current = body;
  const layers = (encoding ?? '').split(',').map((layer) => layer.trim().toLowerCase());
  for (const layer of layers.reverse()) {
    if (layer === '' || layer === 'identity' || current.length === 0) continue;
    const decompress = Object.hasOwn(DECOMPRESSORS, layer) ? DECOMPRESSORS[layer] : undefined;
    if (decompress === undefined) throw new Error(`unknown content encoding`);
    current = await decompress(current, { maxOutputLength: bytesMax });
  }
  return current;
}

function joined(incoming: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming)) {
    const key = name.toLowerCase();
    if (value !== undefined && key !== 'set-cookie')
      headers[key] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}
