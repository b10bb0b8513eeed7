import { createHash, randomUUID } from 'node:crypto';
import { appendFile, link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type SecretStore, thrownAt } from '@tenon/model';
import type { LedgerConfig } from '@tenon/pipeline';
import {
  type CheckpointKey,
  type CheckpointOptions,
  type CheckpointPublicKey,
  checkpointKey,
  newCheckpointKey,
  parseVerifier,
  verifierText,
} from '@tenon/runtime';

import { fetchCode } from '../client/fetch-code.ts';
import type { LogLine } from './log-line.ts';

/** Where a workspace's own signing key lies, readable by its owner only. */
const KEY_FILE = join('.tenon', 'ledger.key');
/** Every public key that ever signed here, one a line: older checkpoints stay verifiable after a new key. */
export const PUBLIC_KEY_FILE = join('.tenon', 'ledger.pub');

const WITNESS_TIMEOUT_MS = 5_000;

export function checkpointsFile(
  config: LedgerConfig['checkpoints'],
  root: string,
  engineFile: string,
): string {
  return config.file === undefined ? `${engineFile}.checkpoints` : resolve(root, config.file);
}

/** How the runtime signs its ledger, as the configuration says. Throws a sentence when the key or the witness cannot be used. */
export async function checkpointOptions(
  config: LedgerConfig,
  root: string,
  engineFile: string,
  secrets: SecretStore,
  env: Readonly<Record<string, string | undefined>>,
  log: (line: LogLine) => void,
): Promise<CheckpointOptions> {
  const { witness, everyMs, everyRows } = config.checkpoints;
  const pem =
    config.key === undefined
      ? await ownKey(root)
      : (await secrets.resolve(config.key, { connection: 'ledger', use: 'signing of checkpoints' })).reveal();
  const key = keyOf(pem, config.name);
  await keepPublicKey(root, key.publicKey);
  const url = witness?.startsWith('env:') ? env[witness.slice('env:'.length)] : witness;
  // Without it checkpoints would lie with those who can write the database, and nobody would know.
  if (witness !== undefined && !url)
    throw new Error(`ledger.checkpoints.witness: expected the witness's URL in ${witness}, which is not set`);
  return {
    key,
    file: checkpointsFile(config.checkpoints, root, engineFile),
    ...(everyMs !== undefined && { everyMs }),
    ...(everyRows !== undefined && { everyRows }),
    ...(url !== undefined && { publish: (note: string) => publish(url, note) }),
    onProblem: (message, code) => log({ kind: 'problem', code, message }),
  };
}

async function ownKey(root: string): Promise<string> {
  const path = join(root, KEY_FILE);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  await mkdir(dirname(path), { recursive: true });
  // Whole at once, and the first of two processes wins: both then read the same key.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, newCheckpointKey(), { mode: 0o600 });
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(draft);
  return readFile(path, 'utf8');
}

/** Without a name of its own, a ledger is called by its key: no two are taken for one. */
function keyOf(pem: string, name: string | undefined): CheckpointKey {
  const key = checkpointKey(pem, name ?? 'unnamed');
  if (name !== undefined) return key;
  const digest = createHash('sha256').update(verifierText(key.publicKey)).digest('hex').slice(0, 12);
  return checkpointKey(pem, `tenon.local/${digest}`);
}

async function keepPublicKey(root: string, key: CheckpointPublicKey): Promise<void> {
  const path = join(root, PUBLIC_KEY_FILE);
  const known = await readFile(path, 'utf8').catch(() => '');
  const text = verifierText(key);
  if (known.split('\n').includes(text)) return;
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, `${text}\n`);
}

async function publish(witness: string, note: string): Promise<void> {
  const url = new URL(witness);
  const { username, password } = url;
  // `fetch` takes none in a URL, and would quote them where it says so.
  url.username = '';
  url.password = '';
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
    'base64',
  );
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      ...(username + password !== '' && { authorization: `Basic ${login}` }),
    },
    body: note,
    redirect: 'error',
    signal: AbortSignal.timeout(WITNESS_TIMEOUT_MS),
  }).catch((error: unknown) => {
    const code = fetchCode(error) ?? thrownAt(error);
    throw new Error(`${code} at ${url.host}`, { cause: error });
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}

/** Public keys as given, each a file of them or the text itself; without any, those of the workspace. */
export async function publicKeys(given: readonly string[], root: string): Promise<CheckpointPublicKey[]> {
  const sources = given.length > 0 ? given : [join(root, PUBLIC_KEY_FILE)];
  const texts = await Promise.all(
    sources.map((source) => readFile(source, 'utf8').catch(() => (given.length > 0 ? source : ''))),
  );
  return texts.flatMap((text) =>
    text.split('\n').flatMap((line) => {
      const key = line.trim() === '' ? undefined : parseVerifier(line);
      return key === undefined ? [] : [key];
    }),
  );
}
