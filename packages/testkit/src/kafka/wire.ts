/**
 * Kafka's primitive types. In a `flexible` version of a request strings, bytes and lists have compact lengths, and each
 * structure ends in tagged fields, of which none is known here: they are skipped and written as none.
 */
export class WireReader {
  readonly #buffer: Buffer;
  #at = 0;
  isFlexible = false;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get rest(): number {
    return this.#buffer.length - this.#at;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  /** Unsigned, seven bits a byte, the lowest first. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint is longer than 32 bits');
  }

  /** Zigzag, up to 64 bits. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#buffer.readUInt8(this.#take(1));
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
    throw new RangeError('a varint is longer than 64 bits');
  }

  /** The text of a header of a request: never compact. */
  plainString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.slice(length).toString();
  }

  nullableString(): string | null {
    if (!this.isFlexible) return this.plainString();
    const length = this.uvarint();
    return length === 0 ? null : this.slice(length - 1).toString();
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  bytes(): Buffer | null {
    const length = this.isFlexible ? this.uvarint() - 1 : this.int32();
    return length < 0 ? null : this.slice(length);
  }

  /** Null: the list itself is. */
  nullableList<T>(entry: () => T): T[] | null {
    const length = this.isFlexible ? this.uvarint() - 1 : this.int32();
    if (length < 0) return null;
    return Array.from({ length: Math.min(length, this.rest) }, entry);
  }

  list<T>(entry: () => T): T[] {
    return this.nullableList(entry) ?? [];
  }

  /** The end of a structure. */
  end(): void {
    if (!this.isFlexible) return;
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint();
      this.slice(this.uvarint());
    }
  }

  slice(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  #take(length: number): number {
    if (length < 0 || length > this.rest) throw new RangeError('the request ends too early');
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

export class WireWriter {
  readonly #parts: Buffer[] = [];
  readonly isFlexible: boolean;

  constructor(isFlexible: boolean) {
    this.isFlexible = isFlexible;
  }

  int8(value: number): this {
    const part = Buffer.alloc(1);
    part.writeInt8(value);
    return this.raw(part);
  }

  int16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    return this.raw(part);
  }

  int32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    return this.raw(part);
  }

  int64(value: bigint): this {
    const part = Buffer.alloc(8);
    part.writeBigInt64BE(value);
    return this.raw(part);
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uvarint(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    return this.raw(Buffer.from([...bytes, rest]));
  }

  string(value: string | null): this {
    if (value === null) return this.isFlexible ? this.uvarint(0) : this.int16(-1);
    const text = Buffer.from(value);
    return (this.isFlexible ? this.uvarint(text.length + 1) : this.int16(text.length)).raw(text);
  }

  bytes(value: Buffer | null): this {
    if (value === null) return this.isFlexible ? this.uvarint(0) : this.int32(-1);
    return (this.isFlexible ? this.uvarint(value.length + 1) : this.int32(value.length)).raw(value);
  }

  list<T>(values: readonly T[], entry: (value: T) => void): this {
    if (this.isFlexible) this.uvarint(values.length + 1);
    else this.int32(values.length);
    for (const value of values) entry(value);
    return this;
  }

  /** The end of a structure. */
  end(): this {
    return this.isFlexible ? this.uvarint(0) : this;
  }

  raw(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
