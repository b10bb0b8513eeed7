import type { Dispatcher } from 'undici';
import type { Wire } from './exchange.ts';

/** A request as it came to the other side. */
export interface WiredRequest {
  readonly method: string;
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** `dropped`: the connection ended without an answer. `isCut`: it ended within the body, whose whole length was announced. */
export type WiredReply =
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
      readonly isCut?: boolean;
    }
  | 'dropped';

/** The other side, in this process. */
export interface WiredServer {
  /** `false`: no connection is made, so nothing has been sent. */
  isReachable(): boolean;
  /** Never resolves where nothing is answered. */
  answer(request: WiredRequest): Promise<WiredReply>;
}

/**
 * Carries requests to a server in this process, as undici carries them to a socket. It sets no timer and touches no socket, so that a trial over a
 * clock of its own goes the same way each time.
 */
export function inProcessWire(server: WiredServer): Wire {
  return {
    dispatch: (options, handler) => {
      const controller = new Controller(handler);
      // Nobody is told within the call that asks, as with a socket.
      queueMicrotask(() => {
        void carry(server, options, handler, controller).catch((error: unknown) =>
          controller.fail(error instanceof Error ? error : new Error(String(error))),
        );
      });
      return true;
    },
  };
}

async function carry(
  server: WiredServer,
  { origin, path, method, headers, body }: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler,
  controller: Controller,
): Promise<void> {
  if (!server.isReachable()) return controller.fail(codedError('ECONNREFUSED'));
  handler.onRequestStart?.(controller, {});
  if (controller.aborted) return;
  const sent = await bytesOf(body);
  const reply = await server.answer({
    method,
    url: new URL(path, origin),
    headers: plain(headers),
    body: sent,
  });
  if (controller.aborted) return;
  if (reply === 'dropped') return controller.fail(codedError('UND_ERR_SOCKET'));
  handler.onResponseStart?.(controller, reply.status, { ...reply.headers }, '');
  if (controller.aborted) return;
  const whole = Buffer.from(reply.body);
  const arrived = reply.isCut === true ? whole.subarray(0, Math.floor(whole.length / 2)) : whole;
  if (arrived.length > 0) handler.onResponseData?.(controller, arrived);
  if (controller.aborted) return;
  if (reply.isCut === true) return controller.fail(codedError('UND_ERR_SOCKET'));
  controller.end();
  handler.onResponseEnd?.(controller, {});
}

/** By it the caller gives an exchange up. What was begun at the other side goes on there. */
class Controller implements Dispatcher.DispatchController {
  readonly #handler: Dispatcher.DispatchHandler;
  #isOver = false;
  aborted = false;
  paused = false;
  reason: Error | null = null;

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler;
  }

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
    this.fail(reason);
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler.onResponseError?.(this, error);
  }

  end(): void {
    this.#isOver = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

function codedError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

async function bytesOf(body: Dispatcher.DispatchOptions['body']): Promise<Uint8Array> {
  if (body === null || body === undefined) return new Uint8Array();
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  // What the transport streams is an iterable of bytes: see `OutgoingBody`.
  for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The transport gives plain objects alone. */
function plain(headers: Dispatcher.DispatchOptions['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
}
