import type { Secret } from '@tenon/model';
import { type CryptoKey, importPKCS8, SignJWT } from 'jose';

/** Signature algorithms of assertions (RFC 7518 §3.1, RFC 8037). */
export type AssertionAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A PEM private key (PKCS#8). Rejects on any other text; the rejection must not be shown, it may quote the key. */
export function signingKey(pem: Secret, algorithm: AssertionAlgorithm): Promise<CryptoKey> {
  return importPKCS8(pem.reveal(), algorithm);
}

export interface Assertion {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly scope?: string;
  readonly issuedAtMs: number;
}

/** Long enough for a slow clock, short enough to be of no use to a thief; servers refuse more than some minutes. */
const ASSERTION_SECONDS = 180;

/** A JWT that stands for who it is about (RFC 7523 §2.1). */
export function signAssertion(
  key: CryptoKey,
  algorithm: AssertionAlgorithm,
  assertion: Assertion,
): Promise<string> {
  const issuedAt = Math.floor(assertion.issuedAtMs / 1_000);
  return new SignJWT(assertion.scope === undefined ? {} : { scope: assertion.scope })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setIssuer(assertion.issuer)
    .setSubject(assertion.subject)
    .setAudience(assertion.audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ASSERTION_SECONDS)
    .sign(key);
}
