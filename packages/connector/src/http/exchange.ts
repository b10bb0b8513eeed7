import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, type ZlibOptions, zstdDecompress } from 'node:zlib';
import type { Clock } from '@tenon/model';
import type { Dispatcher } from 'undici';
import { encodingLayers } from './content-encoding.ts';
import { IncomingBody } from './incoming-body.ts';
import { OutgoingBody, type SendFault } from './outgoing-body.ts';
import { StallWatch } from './stall-watch.ts';
import type { BodyReceiver, ReceivedBody, StreamLimits } from './streams.ts';

export interface WireRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** Bodies of one exchange that are not held in memory. */
export interface Streaming {
  readonly limits: StreamLimits;
  readonly clock: Clock;
  readonly send?:
    | { readonly source: AsyncIterable<Uint8Array>; readonly bytes?: number | undefined }
    | undefined;
  readonly receive?: BodyReceiver | undefined;
  /** Is this the answer that `receive` is for? Any other is taken whole, to be judged. */
  readonly isForReceiver: (status: number, headers: Headers) => boolean;
}

/** How long a receiver may take to let go after its body has ended early. */
const RECEIVER_GRACE_MS = 1_000;

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
      readonly cause: 'aborted' | 'connection' | 'stalled' | SendFault;
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
    }
  /** The body was handed over, whole. */
  | {
      readonly kind: 'received';
      readonly status: number;
      readonly headers: Headers;
      readonly body: ReceivedBody;
    }
  /** The receiver failed, or ended before the body did. */
  | { readonly kind: 'unreceived'; readonly status: number; readonly headers: Headers };

/** Lower-case names, repeated ones joined by `, `; `set-cookie` is left out (it holds credentials and nobody reads it). */
export type Headers = Readonly<Record<string, string>>;

/** What carries requests: undici's pool, or whatever stands in for the network. */
export type Wire = Pick<Dispatcher, 'dispatch'>;

/**
 * One request, one answer, nothing retried, nothing followed. Stops when `signal` aborts. A request whose connection
 * was never made has not started; from the moment undici takes it to a socket it has, since the bytes may be gone.
 */
export function exchange(
  wire: Wire,
  request: WireRequest,
  signal: AbortSignal,
  bodyBytesMax: number,
  streaming?: Streaming,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let abortWire: ((reason: Error) => void) | undefined;
    let started = false;
    let settled = false;
    let status: number | undefined;
    let headers: Headers = {};
    const chunks: Buffer[] = [];
    let bytes = 0;
    let incoming: IncomingBody | undefined;
    let receiving: Promise<void> | undefined;
    const watch =
      streaming &&
      new StallWatch(streaming.clock, streaming.limits.stallMs, () => give('stalled', 'STALLED'));
    const outgoing =
      streaming?.send &&
      new OutgoingBody(streaming.send.source, streaming.send.bytes, streaming.limits.bytesMax, watch!);

    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
      return;
    }
    try {
      wire.dispatch(
        {
          origin: request.url.origin,
          path: `${request.url.pathname}${request.url.search}`,
          method: request.method,
          headers: request.headers,
          body: outgoing?.stream ?? request.body ?? null,
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
          onResponseStart(controller, statusCode, incomingHeaders) {
            if (statusCode < 200) return;
            status = statusCode;
            headers = joined(incomingHeaders);
            const isStreamed =
              streaming?.receive !== undefined && streaming.isForReceiver(statusCode, headers);
            const bytesMax = isStreamed ? streaming.limits.bytesMax : bodyBytesMax;
            if (Number(headers['content-length'] ?? 0) > bytesMax) refuse('tooLarge');
            else if (isStreamed) handOver(controller, streaming.receive!, bytesMax);
          },
          onResponseData(_controller, chunk) {
            if (incoming !== undefined) {
              incoming.take(chunk);
              return;
            }
            bytes += chunk.length;
            if (bytes > bodyBytesMax) refuse('tooLarge');
            else chunks.push(chunk);
          },
          onResponseEnd() {
            if (incoming !== undefined) {
              incoming.end();
              return;
            }
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
            broken(outgoing?.fault ?? 'connection', errorCode(error));
          },
        },
      );
    } catch (error) {
      broken('connection', errorCode(error));
    }

    function onAbort(): void {
      give('aborted', 'ABORTED');
    }

    /** We end it. */
    function give(cause: 'aborted' | 'stalled', code: string): void {
      broken(cause, code);
      abortWire?.(new Error(cause));
    }

    function refuse(reason: 'tooLarge' | 'encoding'): void {
      settle({ kind: 'unreadable', status: status!, headers, reason });
      abortWire?.(new Error(reason));
    }

    /** From here on the receiver decides how fast the wire is read, and its end is that of the exchange. */
    function handOver(
      wire: { readonly pause: () => void; readonly resume: () => void },
      receive: BodyReceiver,
      bytesMax: number,
    ): void {
      const made = IncomingBody.of(
        headers['content-encoding'],
        { pause: () => wire.pause(), resume: () => wire.resume() },
        bytesMax,
        watch!,
      );
      if (made === undefined) {
        refuse('encoding');
        return;
      }
      incoming = made;
      const taken = made.handedOver();
      receiving = (async () => receive(taken, { status: status!, headers }))().then(
        () => {
          if (made.isWhole)
            settle({
              kind: 'received',
              status: status!,
              headers,
              body: made.received(headers['content-type']),
            });
          else stopped(made);
        },
        () => stopped(made),
      );
    }

    function stopped({ fault }: IncomingBody): void {
      if (settled) return;
      if (fault !== undefined) refuse(fault);
      else {
        settle({ kind: 'unreceived', status: status!, headers });
        abortWire?.(new Error('unreceived'));
      }
    }

    function broken(cause: Extract<Exchange, { kind: 'broken' }>['cause'], code: string): void {
      settle({ kind: 'broken', started, cause, code, ...(status !== undefined && { status }) });
    }

    function settle(outcome: Exchange): void {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      if (streaming === undefined) {
        resolve(outcome);
        return;
      }
      watch?.end();
      outgoing?.close();
      if (outcome.kind !== 'received') incoming?.destroy(new Error('the body ended early'));
      if (receiving === undefined || outcome.kind === 'received') {
        resolve(outcome);
        return;
      }
      // It learns of the end by its iteration, and lets go of its file before anyone tries again.
      const stopWaiting = streaming.clock.setTimer(RECEIVER_GRACE_MS, () => resolve(outcome));
      void receiving.finally(() => {
        stopWaiting();
        resolve(outcome);
      });
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
  const layers = encodingLayers(encoding);
  if (layers === undefined) throw new Error('too many content encodings');
  for (const layer of layers) {
    if (current.length === 0) continue;
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
