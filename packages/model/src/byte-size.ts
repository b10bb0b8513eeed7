const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Bytes of a size such as `512KiB`, `64MiB`, `2GiB`; `undefined` when it is none, or none that can be counted. */
export function parseByteSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const bytes = Number(digits) * UNIT_BYTES[unit]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact text of a size: `67108864` → `64MiB`. */
export function formatByteSize(bytes: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes > 0 && bytes % UNIT_BYTES[name]! === 0) ?? 'B';
  return `${bytes / UNIT_BYTES[unit]!}${unit}`;
}
