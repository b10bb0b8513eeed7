import { fullFormats } from 'ajv-formats/dist/formats.js';
import { INTERNATIONAL_FORMATS } from './international-formats.ts';
import { type Automaton, automatonOf } from './regular.ts';

/** The formats of strings that are checked: those of ajv-formats (mode `full`) and the international ones. */
export interface StringFormat {
  /** `undefined` where it is not known whether a text fits. */
  readonly test: (text: string) => boolean | undefined;
  /** The exact language, or one that contains it. */
  readonly automaton: Automaton | undefined;
  readonly isExact: boolean;
  /** Texts that fit, for witnesses. */
  readonly samples: readonly string[];
}

/**
 * `contentEncoding` and `contentMediaType` of draft 7, which a validator may check, as a format of its own:
 * `content:<encoding>:<media type>`.
 */
export const CONTENT = 'content:';

function contentFormat(name: string): StringFormat {
  const [, encoding = '', mediaType = ''] = name.split(':');
  const isKnown = ['', 'base64'].includes(encoding) && ['', 'application/json'].includes(mediaType);
  const test = (text: string): boolean | undefined => {
    if (!isKnown) return undefined;
    if (
      encoding === 'base64' &&
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    )
      return false;
    if (mediaType === '') return true;
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
  if (Object.hasOwn(INTERNATIONAL_FORMATS, name))
    return { ...INTERNATIONAL_FORMATS[name]!, automaton: undefined, isExact: false };
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
