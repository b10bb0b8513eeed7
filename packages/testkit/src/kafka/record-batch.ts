import { WireReader } from './wire.ts';

/** The head of a batch of records, format 2, and the batch as it came. */
export interface RecordBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly count: number;
  readonly maxTimestamp: bigint;
  readonly bytes: Buffer;
}

export interface StoredRecord {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the fields of a batch stand. What the checksum covers begins at `attributes`. */
const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
  records: 61,
} as const;
const LENGTH_AFTER = 12;
const MAGIC = 2;
const COMPRESSION_BITS = 0b111;

/** The batches of a run of bytes; `undefined` where one is not whole, not of format 2, or does not match its checksum. */
export function readBatches(bytes: Buffer): RecordBatch[] | undefined {
  const batches: RecordBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const batch = readBatch(bytes.subarray(at));
    if (batch === undefined) return undefined;
    batches.push(batch);
    at += batch.bytes.length;
  }
  return batches;
}

/** The batch at the beginning of `bytes`. */
export function readBatch(bytes: Buffer): RecordBatch | undefined {
  if (bytes.length < AT.records) return undefined;
  const size = bytes.readInt32BE(AT.length) + LENGTH_AFTER;
  if (size < AT.records || size > bytes.length || bytes.readInt8(AT.magic) !== MAGIC) return undefined;
  const whole = bytes.subarray(0, size);
  if (crc32c(whole.subarray(AT.attributes)) !== whole.readUInt32BE(AT.crc)) return undefined;
  const baseOffset = whole.readBigInt64BE(AT.baseOffset);
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(whole.readInt32BE(AT.lastOffsetDelta)),
    producerId: whole.readBigInt64BE(AT.producerId),
    producerEpoch: whole.readInt16BE(AT.producerEpoch),
    firstSequence: whole.readInt32BE(AT.firstSequence),
    count: whole.readInt32BE(AT.count),
    maxTimestamp: whole.readBigInt64BE(AT.maxTimestamp),
    bytes: whole,
  };
}

/** The batch at its place in a log. Offset and leader epoch stand outside of the checksum, for this very reason. */
export function placed(batch: RecordBatch, baseOffset: bigint): RecordBatch {
  const bytes = Buffer.from(batch.bytes);
  bytes.writeBigInt64BE(baseOffset, AT.baseOffset);
  bytes.writeInt32BE(0, AT.leaderEpoch);
  return { ...batch, baseOffset, lastOffset: baseOffset + (batch.lastOffset - batch.baseOffset), bytes };
}

/** Its records, for tests that look; a compressed batch is served as it came and cannot be looked into. */
export function recordsOf({ bytes, baseOffset, count }: RecordBatch): StoredRecord[] {
  if ((bytes.readInt16BE(AT.attributes) & COMPRESSION_BITS) !== 0) throw new Error('the batch is compressed');
  const reader = new WireReader(bytes.subarray(AT.records));
  return Array.from({ length: count }, () => {
    reader.varint();
    reader.int8();
    reader.varint();
    const offset = baseOffset + reader.varint();
    const key = bytesOf(reader);
    const value = bytesOf(reader);
    const headers: Record<string, string> = {};
    for (let left = reader.varint(); left > 0n; left--) {
      const name = bytesOf(reader)?.toString() ?? '';
      headers[name] = bytesOf(reader)?.toString() ?? '';
    }
    return { offset, key, value, headers };
  });
}

function bytesOf(reader: WireReader): Buffer | null {
  const length = Number(reader.varint());
  return length < 0 ? null : reader.slice(length);
}

/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
