/**
 * Exact arithmetic on JSON numbers, which are decimals: `0.0075` is 75 / 10,000, whatever the nearest double is.
 * Only what `multipleOf` needs.
 */
export interface Decimal {
  /** `units` / 10^`scale` */
  readonly units: bigint;
  readonly scale: number;
}

export function decimal(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = value.toString().toLowerCase().split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const units = BigInt(whole + fraction);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

export function isMultiple(value: Decimal, divisor: Decimal): boolean {
  const [a, b] = aligned(value, divisor);
  return b !== 0n && a % b === 0n;
}

export function leastCommonMultiple(left: Decimal, right: Decimal): Decimal {
  const [a, b, scale] = aligned(left, right);
  return { units: (a / greatestCommonDivisor(a, b)) * b, scale };
}

/** `value` / `divisor`, rounded down. */
export function floorDivide(value: Decimal, divisor: Decimal): bigint {
  const [a, b] = aligned(value, divisor);
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

export function times(value: Decimal, factor: bigint): Decimal {
  return { units: value.units * factor, scale: value.scale };
}

export function toNumber(value: Decimal): number {
  return Number(`${value.units}e-${value.scale}`);
}

function aligned(left: Decimal, right: Decimal): [bigint, bigint, number] {
  const scale = Math.max(left.scale, right.scale);
  return [
    left.units * 10n ** BigInt(scale - left.scale),
    right.units * 10n ** BigInt(scale - right.scale),
    scale,
  ];
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}
