/** Of each byte: `toString` of a number beyond 31 bits takes as long as a checksum over a kilobyte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Eight hex digits of the 32 bits of a number, whatever their sign is taken for. */
export function hex32(bits: number): string {
  return HEX[bits >>> 24]! + HEX[(bits >>> 16) & 0xff]! + HEX[(bits >>> 8) & 0xff]! + HEX[bits & 0xff]!;
}
