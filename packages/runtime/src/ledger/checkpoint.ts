import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { Hash } from './merkle.ts';

/** The state of a ledger at one moment. */
export interface TreeHead {
  /** Rows in the ledger. */
  readonly size: number;
  readonly root: Hash;
  /** Number of the last entry. */
  readonly lastSequence: number;
}

export interface Checkpoint {
  /** Which ledger this is about: one name, one tree. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  readonly lastSequence: number;
  readonly atMs: number;
  /** Digest of the checkpoint before it, so that one taken out of the file leaves a gap. */
  readonly previous?: string;
  /** Someone set the ledger back (a restored backup): checkpoints over more than so many rows count no longer. */
  readonly setBack?: SetBack;
}

export interface SetBack {
  /** Rows that the ledger before and after have in common, as far as checkpoints tell. */
  readonly size: number;
  /** Who did it, and why. */
  readonly why: string;
}

/** A checkpoint as it stands in a file: the words that are signed, and their signatures. */
export interface SignedCheckpoint extends Checkpoint {
  readonly text: string;
  readonly signatures: readonly {
    readonly name: string;
    readonly keyId: Uint8Array;
    readonly bytes: Uint8Array;
  }[];
}

/** The key that signs checkpoints, under the name that verifiers know it by. */
export interface CheckpointKey {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly publicKey: CheckpointPublicKey;
}

export interface CheckpointPublicKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly key: KeyObject;
}

/** Signature type of Ed25519 in a signed note. */
const ED25519 = 1;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;

/** A new key as PKCS #8 PEM, for a file of mode 0600 or a secret store. */
export function newCheckpointKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** Reads a private key (PKCS #8 PEM, Ed25519). Throws a sentence without the key in it. */
export function checkpointKey(pem: string, name: string): CheckpointKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new Error('the key that signs checkpoints is no private key in PEM form');
  }
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw new Error(`the key that signs checkpoints is ${privateKey.asymmetricKeyType}, not Ed25519`);
  return { name, privateKey, publicKey: publicKeyOf(name, createPublicKey(privateKey)) };
}

/** `name+keyid+base64`: the form in which a signed note's verifier is handed on. */
export function verifierText({ name, keyId, key }: CheckpointPublicKey): string {
  const bytes = Buffer.concat([Buffer.from([ED25519]), rawKey(key)]);
  return `${name}+${Buffer.from(keyId).toString('hex')}+${bytes.toString('base64')}`;
}

/** Reads `verifierText`'s form; `undefined` when it is none, or its key id is not that of its key. */
export function parseVerifier(text: string): CheckpointPublicKey | undefined {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (match === null) return undefined;
  const bytes = Buffer.from(match[3]!, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ED25519) return undefined;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') },
    format: 'jwk',
  });
  const found = publicKeyOf(match[1]!, key);
  return Buffer.from(found.keyId).toString('hex') === match[2] ? found : undefined;
}

function publicKeyOf(name: string, key: KeyObject): CheckpointPublicKey {
  const keyId = createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.from([ED25519]))
    .update(rawKey(key))
    .digest()
    .subarray(0, KEY_ID_BYTES);
  return { name, keyId, key };
}

function rawKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
}

/**
 * The checkpoint as a signed note in the format of transparency logs: origin, size and root on a line each, then lines
 * of ours, an empty line, and the signature. Any tool that reads tlog checkpoints reads these.
 */
export function signCheckpoint(checkpoint: Checkpoint, key: CheckpointKey): string {
  const text = textOf(checkpoint);
  const signature = Buffer.concat([key.publicKey.keyId, sign(null, Buffer.from(text), key.privateKey)]);
  return `${text}\n— ${key.name} ${signature.toString('base64')}\n`;
}

function textOf({ origin, size, root, lastSequence, atMs, previous, setBack }: Checkpoint): string {
  const lines = [
    origin,
    String(size),
    Buffer.from(root).toString('base64'),
    `sequence ${lastSequence}`,
    `time ${new Date(atMs).toISOString()}`,
    ...(previous === undefined ? [] : [`previous ${previous}`]),
    ...(setBack === undefined ? [] : [`setback ${setBack.size} ${setBack.why.replaceAll(/\s+/g, ' ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the next checkpoint names as the one before it. */
export function checkpointDigest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

export type ParsedNote =
  | { readonly ok: true; readonly line: number; readonly checkpoint: SignedCheckpoint }
  | { readonly ok: false; readonly line: number };

/** The checkpoints of a file, in its order: notes one after another, an empty line between them. */
export function* parseCheckpoints(lines: Iterable<string>): Iterable<ParsedNote> {
  let body: string[] = [];
  let signatures: string[] = [];
  let isBody = true;
  let first = 1;
  let number = 0;
  for (const line of lines) {
    number++;
    if (isBody && line === '') {
      if (body.length === 0) first = number + 1;
      else isBody = false;
    } else if (isBody) body.push(line);
    else if (line.startsWith('— ')) signatures.push(line);
    else {
      yield parsed(first, body, signatures);
      body = line === '' ? [] : [line];
      signatures = [];
      isBody = true;
      first = line === '' ? number + 1 : number;
    }
  }
  if (body.length > 0) yield parsed(first, body, signatures);
}

function parsed(line: number, body: readonly string[], signatureLines: readonly string[]): ParsedNote {
  const [origin, size, root, ...extensions] = body;
  const rootBytes = Buffer.from(root ?? '', 'base64');
  const extension = new Map(
    extensions.map((text) => [text.split(' ', 1)[0]!, text.slice(text.indexOf(' ') + 1)]),
  );
  const atMs = Date.parse(extension.get('time') ?? '');
  const lastSequence = Number(extension.get('sequence'));
  const isWhole =
    origin !== undefined &&
    /^(0|[1-9]\d{0,15})$/.test(size ?? '') &&
    rootBytes.length === 32 &&
    Number.isSafeInteger(lastSequence) &&
    !Number.isNaN(atMs);
  if (!isWhole || signatureLines.length === 0) return { ok: false, line };
  const previous = extension.get('previous');
  const setBack = /^(\d+) (.*)$/.exec(extension.get('setback') ?? '');
  const signatures = signatureLines.flatMap((text) => {
    const [, name, value] = text.split(' ');
    const bytes = Buffer.from(value ?? '', 'base64');
    if (name === undefined || bytes.length < KEY_ID_BYTES) return [];
    return [{ name, keyId: bytes.subarray(0, KEY_ID_BYTES), bytes: bytes.subarray(KEY_ID_BYTES) }];
  });
  return {
    ok: true,
    line,
    checkpoint: {
      origin,
      size: Number(size),
      root: rootBytes,
      lastSequence,
      atMs,
      ...(previous !== undefined && { previous }),
      ...(setBack !== null && { setBack: { size: Number(setBack[1]), why: setBack[2]! } }),
      text: `${body.join('\n')}\n`,
      signatures,
    },
  };
}

/** Is the checkpoint signed by one of these keys, by one of the ledger that it is about? The key of another says nothing of it. */
export function isSigned(
  { origin, text, signatures }: SignedCheckpoint,
  keys: readonly CheckpointPublicKey[],
): boolean {
  return signatures.some(({ name, keyId, bytes }) => {
    if (bytes.length !== SIGNATURE_BYTES || name !== origin) return false;
    const key = keys.find((each) => each.name === name && Buffer.compare(each.keyId, keyId) === 0);
    return key !== undefined && verify(null, Buffer.from(text), key.key, bytes);
  });
}
