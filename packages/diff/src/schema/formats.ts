import { fullFormats } from 'ajv-formats/dist/formats.js';
import { type Automaton, automatonOf } from './regular.ts';

/** The formats of strings that Ajv checks (ajv-formats, mode `full`), and what is known of each. */
export interface StringFormat {
  readonly test: (text: string) => boolean;
  /** The exact language, or one that contains it. */
  readonly automaton: Automaton | undefined;
  readonly isExact: boolean;
  /** Texts that fit, for witnesses. */
  readonly samples: readonly string[];
}

/**
 * Formats of the specification that Ajv does not check, with texts that fit for sure. Whether any other text fits is
 * not known here: a schema with such a format is neither proved to refuse a text nor to accept it.
 */
export const UNCHECKED_FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'idn-email': (text) => testAs('email', withLettersFor(text)),
  'idn-hostname': (text) => !/xn--/i.test(text) && /^[\x21-\x7e]*$/.test(text) && testAs('hostname', text),
  iri: (text) => !hasBareIpv6(text) && testAs('uri', withLettersFor(text)),
  'iri-reference': (text) => !hasBareIpv6(text) && testAs('uri-reference', withLettersFor(text)),
};

/** An IPv6 address as a host without its brackets: ajv-formats takes it, RFC 3986 does not. */
function hasBareIpv6(text: string): boolean {
  const authority = /^(?:[^/?#]*:)?\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  return !authority.includes('[') && authority.split(':').length > 2;
}

/** RFC 3987 allows these where RFC 3986 allows a letter. */
function withLettersFor(text: string): string {
  return text.replaceAll(/[\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef]|[\u{10000}-\u{dffff}]/gu, 'a');
}

function testAs(format: string, text: string): boolean {
  return stringFormat(format)?.test(text) === true;
}

/**
 * `contentEncoding` and `contentMediaType` of draft 7, which a validator may check, as a format of its own:
 * `content:<encoding>:<media type>`.
 */
export const CONTENT = 'content:';

function contentFormat(name: string): StringFormat {
  const [, encoding = '', mediaType = ''] = name.split(':');
  const test = (text: string): boolean => {
    if (
      encoding === 'base64' &&
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    )
      return false;
    if (mediaType !== 'application/json') return true;
    try {
      JSON.parse(encoding === 'base64' ? Buffer.from(text, 'base64').toString() : text);
      return true;
    } catch {
      return false;
    }
  };
  return { test, automaton: undefined, isExact: false, samples: ['{}', 'e30='] };
}

/** `number` formats of OpenAPI that Ajv checks, as bounds; the others (`float`, `double`) hold for every number. */
export const NUMBER_FORMATS: Readonly<
  Record<string, { readonly minimum?: number; readonly maximum?: number }>
> = {
  int32: { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  int64: {},
};

export function stringFormat(name: string): StringFormat | undefined {
  if (!known.has(name)) known.set(name, name.startsWith(CONTENT) ? contentFormat(name) : make(name));
  return known.get(name);
}

const known = new Map<string, StringFormat | undefined>();

/** Languages that contain those formats which Ajv checks by a function. */
const CONTAINERS: Readonly<Record<string, string>> = {
  date: '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$',
  time: '^\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([zZ]|[+-]\\d{2}(:?\\d{2})?)$',
  'date-time':
    '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])[tT\\s]\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([zZ]|[+-]\\d{2}(:?\\d{2})?)$',
  uri: '[/:]',
};

const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  date: ['2024-02-29', '1999-12-31'],
  time: ['08:30:06Z', '23:59:59.5+01:00'],
  'date-time': ['2024-02-29T12:00:00Z', '1999-12-31T23:59:59.25+01:00'],
  duration: ['P1D', 'PT1H30M'],
  uri: ['https://example.com/a', 'urn:a:b'],
  'uri-reference': ['/a', 'https://example.com/a'],
  'uri-template': ['/a/{id}'],
  url: ['https://example.com/a'],
  email: ['a@example.com'],
  hostname: ['example.com', 'a'],
  ipv4: ['192.0.2.1', '0.0.0.0'],
  ipv6: ['2001:db8::1', '::'],
  uuid: ['123e4567-e89b-12d3-a456-426614174000'],
  regex: ['^a+$', ''],
  'json-pointer': ['/a', ''],
  'relative-json-pointer': ['0', '1/a'],
  byte: ['YQ==', ''],
};

function make(name: string): StringFormat | undefined {
  const format = Object.hasOwn(fullFormats, name) ? fullFormats[name as keyof typeof fullFormats] : undefined;
  if (format === undefined || format === true) return undefined;
  const samples = SAMPLES[name] ?? [];
  if (format instanceof RegExp) {
    const automaton = automatonOf(format.source, { foldCase: format.flags.includes('i') });
    return { test: (text) => format.test(text), automaton, isExact: automaton !== undefined, samples };
  }
  const validate = typeof format === 'object' && 'validate' in format ? format.validate : format;
  if (typeof validate !== 'function') return undefined;
  const container = CONTAINERS[name];
  return {
    // ajv-formats types one validator for text and number formats alike; this one is a text's.
    test: (text) => (validate as (text: string) => boolean)(text),
    automaton: container === undefined ? undefined : automatonOf(container),
    isExact: false,
    samples,
  };
}
