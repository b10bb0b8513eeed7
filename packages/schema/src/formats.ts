import type { Ajv2020 } from 'ajv/dist/2020.js';

interface LongFormat {
  /** Up to so many characters the expression of the format itself is asked. */
  readonly charactersMax: number;
  /** Beyond: what its characters tell; absent, such a text is none. */
  readonly fits?: (text: string) => boolean;
}

const URI_CHARACTERS = /^[\w\-.~:/?#[\]@!$&'"()*+,;=%]*$/;

/** Formats whose expressions take the square of a text's length, or more of the stack than there is: a URI may hold megabytes (`data:`). */
const LONG: Readonly<Record<string, LongFormat>> = {
  uri: {
    charactersMax: 10_000,
    fits: (text) => /^[a-z][a-z\d+.-]*:/i.test(text) && URI_CHARACTERS.test(text),
  },
  'uri-reference': { charactersMax: 10_000, fits: (text) => URI_CHARACTERS.test(text) },
  url: { charactersMax: 1_000, fits: (text) => /^(?:https?|ftp):/i.test(text) && URL.canParse(text) },
  'uri-template': { charactersMax: 10_000, fits: (text) => /^[^\s"'<>\\^`|]*$/.test(text) },
  'json-pointer': { charactersMax: 10_000, fits: (text) => text.startsWith('/') && !/~(?![01])/.test(text) },
  'json-pointer-uri-fragment': { charactersMax: 10_000 },
  'relative-json-pointer': { charactersMax: 10_000 },
  email: { charactersMax: 10_000 },
  byte: { charactersMax: 1_000_000, fits: (text) => /^[A-Za-z0-9+/\r\n]*={0,2}\s*$/.test(text) },
};

/** Puts bounds around the formats of `ajv-formats`, whose texts come from outside. */
export function boundFormats(ajv: Ajv2020): void {
  for (const [name, { charactersMax, fits }] of Object.entries(LONG)) {
    const format = ajv.formats[name];
    const short =
      format instanceof RegExp
        ? (text: string) => format.test(text)
        : typeof format === 'function'
          ? format
          : undefined;
    if (short === undefined) throw new Error(`ajv-formats has no expression for ${name}`);
    ajv.addFormat(name, (text: string) =>
      text.length <= charactersMax ? short(text) : (fits?.(text) ?? false),
    );
  }
}
