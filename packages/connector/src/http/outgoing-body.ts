import type { Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { StallWatch } from './stall-watch.ts';
import type { BodyToSend } from './streams.ts';

/** Why a body could not be sent to its end; whose doing that was. */
export type SendFault = 'source' | 'length' | 'tooLarge';

/**
 * A streamed body on its way out: counted, held to its announced length and its cap, and watched while the socket keeps it
 * waiting. `close` lets go of the source when the request has ended before it.
 */
export class OutgoingBody {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #announced: number | undefined;
  readonly #bytesMax: number;
  readonly #watch: StallWatch;
  readonly stream: Readable;
  fault: SendFault | undefined;

  constructor(
    source: AsyncIterable<Uint8Array>,
    announced: number | undefined,
    bytesMax: number,
    watch: StallWatch,
  ) {
    this.#source = source;
    this.#announced = announced;
    this.#bytesMax = bytesMax;
    this.#watch = watch;
    this.stream = Readable.from(this.#bytes(), { objectMode: false });
    // The wire tells of it; without a listener a failing source would end the process.
    this.stream.on('error', () => {});
  }

  async *#bytes(): AsyncGenerator<Uint8Array> {
    let sent = 0;
    const announced = this.#announced;
    try {
      for await (const chunk of this.#source) {
        sent += chunk.length;
        if (sent > this.#bytesMax) throw this.#end('tooLarge');
        if (announced !== undefined && sent > announced) throw this.#end('length');
        this.#watch.waiting();
        yield chunk;
        this.#watch.moved();
      }
    } catch (error) {
      this.fault ??= 'source';
      throw error;
    } finally {
      this.#watch.moved();
    }
    if (announced !== undefined && sent !== announced) throw this.#end('length');
  }

  /** A source that is waited for cannot be told by its iterator; a Node or web stream can be ended from outside. */
  close(): void {
    this.stream.destroy();
    // Any iterable: most have none.
    const source = this.#source as { destroy?: unknown };
    if (typeof source.destroy === 'function') source.destroy();
  }

  #end(fault: SendFault): Error {
    this.fault = fault;
    return new Error(fault);
  }
}

/** Reads the body once for its digest, which a signature needs before the first byte goes out. */
export async function digestOfBody(
  body: BodyToSend,
  hash: Hash,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of body.open()) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw new BodyError('tooLarge');
      signal.throwIfAborted();
      hash.update(chunk);
    }
  } catch (error) {
    throw error instanceof BodyError ? error : new BodyError('source');
  }
  return hash.digest();
}

/** The body cannot be sent, and nothing of it has been. */
export class BodyError extends Error {
  readonly fault: SendFault;

  constructor(fault: SendFault) {
    super(fault);
    this.fault = fault;
  }
}
