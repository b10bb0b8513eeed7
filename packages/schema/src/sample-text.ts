import type { Random } from '@tenon/model';
import { textLike } from './sample-pattern.ts';
import type { SchemaObject } from './schema.ts';

const WORDS =
  'amber birch cedar delta ember fjord grove harbor iris juniper kestrel lumen maple north opal pine quartz river slate tidal umber vale willow zephyr'.split(
    ' ',
  );
const PATTERN_TRIES = 20;
/** Sampled times fall within the year after this: far from now on purpose, and the same in every run. */
const EPOCH_MS = Date.UTC(2026, 0, 1);
const YEAR_SECONDS = 365 * 24 * 3600;

/** A string for a flat schema: by pattern, else by format, else words; lengths observed as far as they can be. */
export function sampleText(schema: SchemaObject, random: Random): string | undefined {
  const least = schema.minLength ?? 0;
  const most = schema.maxLength ?? Number.POSITIVE_INFINITY;
  if (least > most) return undefined;
  if (schema.pattern !== undefined) return patterned(schema.pattern, { min: least, max: most }, random);
  const format = schema.format === undefined ? undefined : FORMATS[schema.format];
  if (format !== undefined) return format(random, least);
  return fitted(words(random), least, most, random);
}

function patterned(
  pattern: string,
  length: { min: number; max: number },
  random: Random,
): string | undefined {
  const expression = compiled(pattern);
  for (let attempt = 0; attempt < PATTERN_TRIES; attempt++) {
    const text = textLike(pattern, random, length);
    if (text === undefined) return undefined;
    const size = [...text].length;
    if (size < length.min && !pattern.includes('$')) {
      const longer = fitted(text, length.min, length.max, random);
      if (expression?.test(longer)) return longer;
    }
    if (size >= length.min && size <= length.max && expression?.test(text)) return text;
  }
  return undefined;
}

function compiled(pattern: string): RegExp | undefined {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      // Tried in the other mode next; unreadable in both yields no sample.
    }
  }
  return undefined;
}

/** Cut or lengthened to the bounds, counted in code points as JSON Schema does. */
function fitted(text: string, least: number, most: number, random: Random): string {
  let result = text;
  while (result.length < least) result += `-${word(random)}`;
  const bounded = Math.min(most, Math.max(least, text.length));
  return [...result].slice(0, bounded).join('');
}

function words(random: Random): string {
  return `${word(random)}-${word(random)}`;
}

function word(random: Random): string {
  return WORDS[below(random, WORDS.length)]!;
}

function below(random: Random, count: number): number {
  return Math.floor(random.next() * count);
}

function digits(random: Random, count: number, base = 10): string {
  let text = '';
  for (let index = 0; index < count; index++) text += below(random, base).toString(base);
  return text;
}

function moment(random: Random): string {
  return new Date(EPOCH_MS + below(random, YEAR_SECONDS) * 1000).toISOString().replace('.000Z', 'Z');
}

function uuid(random: Random): string {
  const variant = (8 + below(random, 4)).toString(16);
  return `${digits(random, 8, 16)}-${digits(random, 4, 16)}-4${digits(random, 3, 16)}-${variant}${digits(random, 3, 16)}-${digits(random, 12, 16)}`;
}

/** Each format as JSON Schema 2020-12 §7.3 and the OpenAPI registry name it; hosts are RFC 2606's reserved ones. */
const FORMATS: Readonly<Record<string, (random: Random, least: number) => string>> = {
  'date-time': moment,
  'iso-date-time': moment,
  date: (random) => moment(random).slice(0, 10),
  time: (random) => moment(random).slice(11),
  'iso-time': (random) => moment(random).slice(11),
  duration: (random) => `P${1 + below(random, 30)}D`,
  email: (random) => `${word(random)}.${word(random)}@example.com`,
  'idn-email': (random) => `${word(random)}.${word(random)}@example.com`,
  hostname: (random) => `${word(random)}.example.com`,
  'idn-hostname': (random) => `${word(random)}.example.com`,
  ipv4: (random) => `192.0.2.${below(random, 256)}`,
  ipv6: (random) => `2001:db8::${(1 + below(random, 0xfffe)).toString(16)}`,
  uri: (random, least) => `https://example.com/${word(random)}/${digits(random, Math.max(6, least - 26))}`,
  url: (random, least) => `https://example.com/${word(random)}/${digits(random, Math.max(6, least - 26))}`,
  iri: (random) => `https://example.com/${word(random)}/${digits(random, 6)}`,
  'uri-reference': (random) => `/${word(random)}/${digits(random, 6)}`,
  'iri-reference': (random) => `/${word(random)}/${digits(random, 6)}`,
  'uri-template': (random) => `https://example.com/${word(random)}{?page}`,
  uuid,
  'json-pointer': (random) => `/${word(random)}/${below(random, 10)}`,
  'relative-json-pointer': (random) => `${below(random, 3)}/${word(random)}`,
  'json-pointer-uri-fragment': (random) => `#/${word(random)}`,
  regex: (random) => `^${word(random)}$`,
  // Eight bytes at least, whole base64 quanta.
  byte: (random, least) =>
    Buffer.from(digits(random, Math.max(9, Math.ceil((least * 0.75) / 3) * 3))).toString('base64'),
  int32: (random) => digits(random, 3),
  int64: (random) => digits(random, 3),
};
