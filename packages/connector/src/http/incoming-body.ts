import { createHash } from 'node:crypto';
import { pipeline, Readable, Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import { encodingLayers } from './content-encoding.ts';
import type { StallWatch } from './stall-watch.ts';
import type { ReceivedBody } from './streams.ts';

/** Bytes of an answer that may wait in memory for their receiver, before the socket is left unread. */
const BUFFERED_BYTES_MAX = 256 * 1024;
/** RFC 8878 §3.1.1.1.2: what every decoder must take; more would let an answer choose how much memory it costs. */
const ZSTD_WINDOW_LOG_MAX = 23;

const DECOMPRESSORS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }),
};

/** Why an answer could not be handed over to its end, when the wire is not to blame. */
export type ReceiveFault = 'tooLarge' | 'encoding';

/**
 * The body of an answer on its way to its receiver: the wire is read no faster than the receiver takes, content encodings
 * are taken off layer by layer with the cap on each, and what is handed over is counted and digested.
 */
export class IncomingBody {
  readonly #wire: Readable;
  readonly #decoded: Readable;
  readonly #watch: StallWatch;
  readonly #bytesMax: number;
  readonly #hash = createHash('sha256');
  #arrived = 0;
  #bytes = 0;
  #isWhole = false;
  #isEnded = false;
  fault: ReceiveFault | undefined;

  private constructor(
    layers: readonly (() => Transform)[],
    wire: { readonly pause: () => void; readonly resume: () => void },
    bytesMax: number,
    watch: StallWatch,
  ) {
    this.#bytesMax = bytesMax;
    this.#watch = watch;
    this.#pause = wire.pause;
    this.#wire = new Readable({
      highWaterMark: BUFFERED_BYTES_MAX,
      read: () => {
        watch.waiting();
        wire.resume();
      },
    });
    // An error without a listener would end the process; whoever iterates gets it as well.
    this.#wire.on('error', () => {});
    let stream: Readable = this.#wire;
    for (const layer of layers) stream = pipeline(stream, layer(), this.#cap(), () => {});
    this.#decoded = stream;
    this.#decoded.on('error', () => {});
  }

  readonly #pause: () => void;

  /** `undefined` for a content encoding that we cannot take off. */
  static of(
    encoding: string | undefined,
    wire: { readonly pause: () => void; readonly resume: () => void },
    bytesMax: number,
    watch: StallWatch,
  ): IncomingBody | undefined {
    const names = encodingLayers(encoding);
    if (names === undefined) return undefined;
    const layers: (() => Transform)[] = [];
    for (const name of names) {
      const layer = Object.hasOwn(DECOMPRESSORS, name) ? DECOMPRESSORS[name] : undefined;
      if (layer === undefined) return undefined;
      layers.push(layer);
    }
    return new IncomingBody(layers, wire, bytesMax, watch);
  }

  /** Is all of it with the receiver? */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  received(mediaType: string | undefined): ReceivedBody {
    return {
      bytes: this.#bytes,
      digest: `sha256:${this.#hash.copy().digest('hex')}`,
      mediaType: mediaType ?? null,
    };
  }

  /** A piece from the wire. */
  take(chunk: Uint8Array): void {
    this.#watch.moved();
    this.#arrived += chunk.length;
    if (this.#arrived > this.#bytesMax) this.fail('tooLarge');
    else if (!this.#wire.push(chunk)) this.#pause();
    else this.#watch.waiting();
  }

  /** The wire has given all that there is. */
  end(): void {
    this.#watch.end();
    this.#wire.push(null);
  }

  /** Ends the receiver's iteration with an error. */
  destroy(error: Error): void {
    this.#isEnded = true;
    this.#watch.end();
    this.#wire.destroy(error);
    this.#decoded.destroy(error);
  }

  fail(fault: ReceiveFault): void {
    this.fault ??= fault;
    this.destroy(new Error(fault));
  }

  async *handedOver(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#decoded) {
        // Of a stream that is not in object mode.
        const bytes = chunk as Uint8Array;
        this.#bytes += bytes.length;
        this.#hash.update(bytes);
        yield bytes;
      }
      this.#isWhole = true;
    } catch (error) {
      // Not ended by us or the wire: a layer that cannot be taken off; of nothing, there is none.
      if (this.#isEnded || this.#arrived > 0) {
        if (!this.#isEnded) this.fault ??= 'encoding';
        throw error;
      }
      this.#isWhole = true;
    }
  }

  /** The cap holds for every layer, so that a small bomb inside another stays small. */
  #cap(): Transform {
    let bytes = 0;
    return new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        bytes += chunk.length;
        if (bytes > this.#bytesMax) this.fault ??= 'tooLarge';
        done(bytes > this.#bytesMax ? new Error('tooLarge') : null, chunk);
      },
    });
  }
}
