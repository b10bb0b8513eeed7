import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A certificate of a test, with its private key, both PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly key: KeyObject;
  readonly name: string;
}

/**
 * An X.509 certificate (RFC 5280) over a new P-256 key, for `localhost` and 127.0.0.1: signed by `issuer`, or by itself,
 * and then a certificate authority. Written out in DER, so that tests need no tool beside Node.
 */
export function testCertificate(name: string, issuer?: TestCertificate): TestCertificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer?.key ?? pair.privateKey;
  const algorithm = sequence(oid('2a8648ce3d040302'));
  const alternatives = sequence(
    Buffer.concat([tagged(0x82, Buffer.from('localhost')), tagged(0x87, Buffer.from([127, 0, 0, 1]))]),
  );
  const body = sequence(
    tagged(0xa0, integer(2)),
    integer(Number.parseInt(Buffer.from(name).subarray(0, 3).toString('hex'), 16)),
    algorithm,
    commonName(issuer?.name ?? name),
    sequence(time('20200101000000Z'), time('21200101000000Z')),
    commonName(name),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(
      0xa3,
      sequence(
        sequence(
          oid('551d13'),
          tagged(0x04, issuer === undefined ? sequence(tagged(1, Buffer.from([255]))) : sequence()),
        ),
        sequence(oid('551d11'), tagged(0x04, alternatives)),
      ),
    ),
  );
  const signature = createSign('sha256').update(body).sign(signer);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return {
    name,
    key: pair.privateKey,
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))));
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function time(text: string): Buffer {
  return tagged(0x18, Buffer.from(text));
}

function integer(value: number): Buffer {
  const hex = value.toString(16);
  return tagged(0x02, Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
