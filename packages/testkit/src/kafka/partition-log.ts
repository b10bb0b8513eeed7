import { appendFileSync, readFileSync, truncateSync } from 'node:fs';
import { ERRORS } from './error-codes.ts';
import { placed, type RecordBatch, readBatch } from './record-batch.ts';

/** Of a producer its last batches are known, so that one that comes again is told from one that is new. */
const BATCHES_KNOWN = 5;

interface ProducerState {
  readonly epoch: number;
  readonly batches: readonly RecordBatch[];
}

export type Appended =
  | { readonly error: typeof ERRORS.none; readonly baseOffset: bigint }
  | { readonly error: number };

/**
 * One partition: batches in a file, one after another, as on a real broker without its index. Handed to the operating system
 * before `append` returns, not to the disk: what was acknowledged outlives the process, as it does with a broker's defaults.
 * A batch that was being written when the process ended is cut off at the next start.
 */
export class PartitionLog {
  readonly #file: string;
  readonly #batches: RecordBatch[] = [];
  readonly #producers = new Map<bigint, ProducerState>();

  constructor(file: string) {
    this.#file = file;
    const bytes = readIfThere(file);
    let at = 0;
    for (;;) {
      const batch = readBatch(bytes.subarray(at));
      if (batch === undefined) break;
      this.#keep(batch);
      at += batch.bytes.length;
    }
    if (at < bytes.length) truncateSync(file, at);
  }

  /** The offset that the next record gets. */
  get end(): bigint {
    return (this.#batches.at(-1)?.lastOffset ?? -1n) + 1n;
  }

  get batches(): readonly RecordBatch[] {
    return this.#batches;
  }

  append(batches: readonly RecordBatch[]): Appended {
    let first: bigint | undefined;
    for (const batch of batches) {
      const known = this.#judge(batch);
      if (typeof known === 'number') return { error: known };
      first ??= known?.baseOffset ?? this.end;
      if (known !== undefined) continue;
      const here = placed(batch, this.end);
      appendFileSync(this.#file, here.bytes);
      this.#keep(here);
    }
    return { error: ERRORS.none, baseOffset: first ?? this.end };
  }

  /** Whole batches from the one that holds `offset` on; at least one, else no reader could ever get past it. */
  read(offset: bigint, bytesMax: number): Buffer[] {
    const found: Buffer[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#batches.length; index++) {
      const batch = this.#batches[index]!;
      if (found.length > 0 && bytes + batch.bytes.length > bytesMax) break;
      found.push(batch.bytes);
      bytes += batch.bytes.length;
    }
    return found;
  }

  /** The first offset at or after a time. */
  offsetAt(timestamp: bigint): bigint | undefined {
    return this.#batches.find(({ maxTimestamp }) => maxTimestamp >= timestamp)?.baseOffset;
  }

  /** An error code; the batch that it repeats; or `undefined`: it is new and in its order. */
  #judge(batch: RecordBatch): number | RecordBatch | undefined {
    if (batch.producerId < 0n) return undefined;
    const state = this.#producers.get(batch.producerId);
    if (state === undefined) return undefined;
    if (batch.producerEpoch < state.epoch) return ERRORS.invalidProducerEpoch;
    if (batch.producerEpoch > state.epoch)
      return batch.firstSequence === 0 ? undefined : ERRORS.outOfOrderSequence;
    const repeated = state.batches.find(
      ({ firstSequence, count }) => firstSequence === batch.firstSequence && count === batch.count,
    );
    if (repeated !== undefined) return repeated;
    const last = state.batches.at(-1)!;
    // Sequences count on to 2^31 and begin again.
    const next = (last.firstSequence + last.count) % 2 ** 31;
    return batch.firstSequence === next ? undefined : ERRORS.outOfOrderSequence;
  }

  #keep(batch: RecordBatch): void {
    this.#batches.push(batch);
    if (batch.producerId < 0n) return;
    const state = this.#producers.get(batch.producerId);
    const earlier = state?.epoch === batch.producerEpoch ? state.batches : [];
    this.#producers.set(batch.producerId, {
      epoch: batch.producerEpoch,
      batches: [...earlier, batch].slice(-BATCHES_KNOWN),
    });
  }

  #indexOf(offset: bigint): number {
    let [low, high] = [0, this.#batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
