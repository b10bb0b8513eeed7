import { domainToASCII, domainToUnicode } from 'node:url';
import { fullFormats } from 'ajv-formats/dist/formats.js';

/**
 * The formats of the specification that ajv-formats leaves out. Each test says `undefined` where the standard asks for
 * tables that are not here (joining types outside Arabic, the bidi rule for mixed labels, quoted local parts): of such
 * a text neither is claimed.
 */
export const INTERNATIONAL_FORMATS: Readonly<
  Record<
    string,
    { readonly test: (text: string) => boolean | undefined; readonly samples: readonly string[] }
  >
> = {
  'idn-hostname': { test: isHostname, samples: ['example.com', 'bücher.example'] },
  'idn-email': { test: isEmail, samples: ['a@example.com', 'ü@bücher.example'] },
  iri: { test: (text) => IRI.test(text), samples: ['https://example.com/a', 'https://example.com/ü'] },
  'iri-reference': { test: (text) => IRI_REFERENCE.test(text), samples: ['/a', '/ü'] },
};

/** RFC 5890: labels of letters, digits and hyphens, or U-labels (RFC 5892), or A-labels that encode one. */
function isHostname(text: string): boolean | undefined {
  if (text === '') return false;
  // Other characters that work as dots in some readings (UTS 46) and not in others; and the root's own dot.
  if (/[\u3002\uff0e\uff61]/u.test(text) || text.endsWith('.')) return undefined;
  return every(text.split('.'), isLabel);
}

function isLabel(label: string): boolean | undefined {
  if (label === '') return false;
  if (!/^[\0-\x7f]*$/.test(label)) return isInternationalLabel(label);
  if (label.length > LABEL_BYTES_MAX || !/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i.test(label)) return false;
  if (!/^xn--/i.test(label)) return label.slice(2, 4) === '--' ? undefined : true;
  const decoded = domainToUnicode(label);
  if (decoded === '' || /^xn--/i.test(decoded)) return false;
  return isInternationalLabel(decoded);
}

/** RFC 5891 §4.2.3 and RFC 5892. */
function isInternationalLabel(label: string): boolean | undefined {
  if (/^-|-$|^..--|^\p{M}/u.test(label)) return false;
  const characters = [...label];
  const allowed = every(characters, (_, i) => isAllowed(characters, i));
  if (allowed === false) return false;
  // Punycode takes a byte for each character at least.
  const encoded = domainToASCII(label);
  if (encoded.length > LABEL_BYTES_MAX || 'xn--'.length + characters.length > LABEL_BYTES_MAX) return false;
  if (encoded === '') return undefined;
  // The bidi rule (RFC 5893) needs more than scripts where a label runs both ways.
  const isMixed = RIGHT_TO_LEFT.test(label) && /[\p{L}]/u.test(label.replaceAll(RIGHT_TO_LEFT_ALL, ''));
  return isMixed ? undefined : allowed;
}

const LABEL_BYTES_MAX = 63;

const RIGHT_TO_LEFT =
  /\p{Script=Hebrew}|\p{Script=Arabic}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}|[\u0800-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const RIGHT_TO_LEFT_ALL = new RegExp(RIGHT_TO_LEFT.source, 'gu');

/** RFC 5892 §3, its rules in order. Letters and digits that no rule above them names are allowed. */
function isAllowed(characters: readonly string[], at: number): boolean | undefined {
  const character = characters[at]!;
  if (/[ßς\u06fd\u06fe\u0f0b\u3007]/u.test(character)) return true;
  if (/[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]/u.test(character)) return false;
  const rule = CONTEXT_RULES.find(([of]) => of.test(character));
  if (rule) return rule[1](characters, at);
  if (/[a-z0-9-]/.test(character)) return true;
  if (/\p{Cn}/u.test(character)) return false;
  const isUnstable = /\p{Changes_When_NFKC_Casefolded}/u.test(character);
  if (
    isUnstable ||
    /\p{Default_Ignorable_Code_Point}|\p{White_Space}|\p{Noncharacter_Code_Point}/u.test(character)
  )
    return false;
  if (OLD_HANGUL_AND_MUSIC.test(character)) return false;
  return /[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/u.test(character);
}

const OLD_HANGUL_AND_MUSIC =
  /[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7c6\ud7cb-\ud7fb]|[\u20d0-\u20ff]|[\u{1d100}-\u{1d24f}]/u;

/** RFC 5892, appendix A: characters that are allowed beside certain others only. */
const CONTEXT_RULES: readonly (readonly [
  RegExp,
  (characters: readonly string[], at: number) => boolean | undefined,
])[] = [
  [
    /\u200c/u,
    (all, at) => {
      if (VIRAMA.test(all[at - 1] ?? '')) return true;
      const before = all.slice(0, at).findLast((each) => !/\p{Mn}/u.test(each)) ?? '';
      const after = all.slice(at + 1).find((each) => !/\p{Mn}/u.test(each)) ?? '';
      // The joining types of plain Arabic letters; others are not here.
      if (JOINS_BOTH.test(before) && (JOINS_BOTH.test(after) || JOINS_BEFORE.test(after))) return true;
      return /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}]/u.test(before)
        ? undefined
        : false;
    },
  ],
  [/\u200d/u, (all, at) => VIRAMA.test(all[at - 1] ?? '')],
  [/\u00b7/u, (all, at) => all[at - 1] === 'l' && all[at + 1] === 'l'],
  [/\u0375/u, (all, at) => /\p{Script=Greek}/u.test(all[at + 1] ?? '')],
  [/[\u05f3\u05f4]/u, (all, at) => /\p{Script=Hebrew}/u.test(all[at - 1] ?? '')],
  [
    /\u30fb/u,
    (all) => all.some((each) => /\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Han}/u.test(each)),
  ],
  [/[\u0660-\u0669]/u, (all) => !all.some((each) => /[\u06f0-\u06f9]/u.test(each))],
  [/[\u06f0-\u06f9]/u, (all) => !all.some((each) => /[\u0660-\u0669]/u.test(each))],
];

/** Canonical combining class 9. */
const VIRAMA =
  /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}]/u;
const JOINS_BOTH = /[\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a]/u;
const JOINS_BEFORE = /[\u0622-\u0625\u0627\u0629\u062f-\u0632\u0648]/u;

/** RFC 6531: an address whose local part and host may go beyond ASCII. */
function isEmail(text: string): boolean | undefined {
  const at = text.lastIndexOf('@');
  if (at <= 0 || at === text.length - 1) return false;
  const [local, host] = [text.slice(0, at), text.slice(at + 1)];
  if (local.startsWith('"') || host.startsWith('[')) return undefined;
  const email = fullFormats.email;
  const isPlain =
    email instanceof RegExp && email.test(`${local.replaceAll(/[^\0-\x7f]/gu, 'a')}@example.com`);
  return isPlain ? isHostname(host) : false;
}

// RFC 3987 §2.2, rule by rule; IPv6 addresses as ajv-formats has them.
const UCS =
  '\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef' +
  Array.from({ length: 14 }, (_, i) => {
    const plane = (i + 1).toString(16);
    return `\\u{${plane}${i === 13 ? '1' : '0'}000}-\\u{${plane}fffd}`;
  }).join('');
const PRIVATE = '\\ue000-\\uf8ff\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}';
const UNRESERVED = `A-Za-z0-9._~\\-${UCS}`;
const DELIMITERS = "!$&'()*+,;=";
const ESCAPED = '%[0-9A-Fa-f]{2}';
const CHARACTER = `(?:[${UNRESERVED}${DELIMITERS}:@]|${ESCAPED})`;
const SEGMENT_WITHOUT_COLON = `(?:[${UNRESERVED}${DELIMITERS}@]|${ESCAPED})+`;
const IPV6 = fullFormats.ipv6 instanceof RegExp ? fullFormats.ipv6.source.replaceAll(/^\^|\$$/g, '') : '::';
const LITERAL = `\\[(?:${IPV6}|[vV][0-9A-Fa-f]+\\.[A-Za-z0-9._~\\-${DELIMITERS}:]+)\\]`;
const HOST = `(?:${LITERAL}|(?:[${UNRESERVED}${DELIMITERS}]|${ESCAPED})*)`;
const AUTHORITY = `(?:(?:[${UNRESERVED}${DELIMITERS}:]|${ESCAPED})*@)?${HOST}(?::[0-9]*)?`;
const ABSOLUTE_PATH = `/(?:${CHARACTER}+(?:/${CHARACTER}*)*)?`;
const WITH_AUTHORITY = `//${AUTHORITY}(?:/${CHARACTER}*)*`;
const TAIL = `(?:\\?(?:${CHARACTER}|[/?${PRIVATE}])*)?(?:#(?:${CHARACTER}|[/?])*)?`;
const SCHEME = '[A-Za-z][A-Za-z0-9+.\\-]*';
const IRI_SOURCE = `${SCHEME}:(?:${WITH_AUTHORITY}|${ABSOLUTE_PATH}|${CHARACTER}+(?:/${CHARACTER}*)*|)${TAIL}`;
const RELATIVE = `(?:${WITH_AUTHORITY}|${ABSOLUTE_PATH}|${SEGMENT_WITHOUT_COLON}(?:/${CHARACTER}*)*|)${TAIL}`;
const IRI = new RegExp(`^(?:${IRI_SOURCE})$`, 'u');
const IRI_REFERENCE = new RegExp(`^(?:${IRI_SOURCE}|${RELATIVE})$`, 'u');

function every<T>(
  items: readonly T[],
  holds: (item: T, index: number) => boolean | undefined,
): boolean | undefined {
  let result: boolean | undefined = true;
  for (const [i, item] of items.entries()) {
    const answer = holds(item, i);
    if (answer === false) return false;
    if (answer === undefined) result = undefined;
  }
  return result;
}
