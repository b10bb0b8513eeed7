import { createSecureContext, type SecureContext } from 'node:tls';
import { type Secret, sha256 } from '@tenon/model';
import { AuthenticationError } from './authentication-error.ts';

/** A client certificate, ready for a handshake. Equal digests are the same identity. */
export interface TlsIdentity {
  readonly digest: string;
  readonly context: SecureContext;
}

/** From PEM texts; `ca` names who may have signed the server's certificate, in place of the system's list. */
export function tlsIdentity(parts: {
  readonly certificate: Secret;
  readonly privateKey: Secret;
  readonly ca?: Secret | undefined;
  readonly passphrase?: Secret | undefined;
}): TlsIdentity {
  const { certificate, privateKey, ca, passphrase } = parts;
  const texts = [certificate, privateKey, ca, passphrase].map((part) => part?.reveal() ?? '');
  try {
    return {
      digest: sha256(texts.join('\0')),
      context: createSecureContext({
        cert: certificate.reveal(),
        key: privateKey.reveal(),
        ...(ca && { ca: ca.reveal() }),
        ...(passphrase && { passphrase: passphrase.reveal() }),
      }),
    };
  } catch {
    throw new AuthenticationError(
      'AUTH_KEY_INVALID',
      `${certificate.reference} and ${privateKey.reference} are no certificate and its private key in PEM form`,
      false,
    );
  }
}

/**
 * The other side ended the handshake over our certificate. It has read nothing of the request: what comes before the
 * handshake's end is not looked at.
 */
export function isCertificateRefusal(code: string): boolean {
  return REFUSALS.test(code);
}

const REFUSALS =
  /^ERR_SSL_(?:TLSV1_|TLSV13_|SSLV3_|SSL\/TLS_)?ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE)$/;
