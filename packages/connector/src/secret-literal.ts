/**
 * Why a text looks like a secret written out, or `undefined`. Errs towards silence on ids, digests, URLs and prose:
 * a check that cries at every UUID is switched off within a week.
 */
export function secretLooking(text: string): string | undefined {
  if (text.length < SECRET_LENGTH_MIN && !text.includes('://')) return undefined;
  for (const [pattern, what] of KNOWN) if (pattern.test(text)) return what;
  return looksRandom(text) ? 'a long random text' : undefined;
}

/** Is it a member name under which people put secrets (`clientSecret`, `api_key`, `password`)? */
export function secretName(name: string): boolean {
  return /^(?:.*[_-])?(?:password|passwd|passphrase|secret|client_?secret|api_?key|access_?key|private_?key|auth_?token|access_?token|refresh_?token|bearer_?token)$/i.test(
    name,
  );
}

/** Shapes that issuers give their secrets so that scanners can find them. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{10,}/, 'an API key'],
  [/\bgh[oprsu]_[0-9A-Za-z]{20,}/, 'an access token'],
  [/\bgithub_pat_[0-9A-Za-z_]{20,}/, 'an access token'],
  [/\bxox[abeoprs]-[0-9A-Za-z-]{10,}/, 'an access token'],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, 'an access key id'],
  [/\bAIza[0-9A-Za-z_-]{30,}/, 'an API key'],
  [/\bwhsec_[0-9A-Za-z+/=_-]{16,}/, 'a webhook secret'],
  [/\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}/, 'a signed token'],
  [/\b(?:Bearer|Basic) +[0-9A-Za-z._~+/=-]{16,}/, 'an authorization header'],
  [/:\/\/[^/\s:@]+:[^/\s:@]+@/, 'a password in a URL'],
];

/** Below this only a URL can hold one: almost every word of a file is told apart by its length alone. */
const SECRET_LENGTH_MIN = 15;

/** Bits per character above which a text of mixed letters and digits is taken for random. */
const ENTROPY_MIN = 4.2;
const RANDOM_LENGTH_MIN = 28;

function looksRandom(text: string): boolean {
  if (text.length < RANDOM_LENGTH_MIN || !/^[0-9A-Za-z+/_=-]+$/.test(text)) return false;
  if (!/[0-9]/.test(text) || !/[a-z]/.test(text) || !/[A-Z]/.test(text)) return false;
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits >= ENTROPY_MIN;
}
