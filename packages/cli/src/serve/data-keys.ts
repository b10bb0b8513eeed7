import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SecretUnavailableError } from '@tenon/connector';
import type { SecretStore } from '@tenon/model';
import { type EncryptionConfig, readConfig, type SecretsConfig, type WorkspaceConfig } from '@tenon/pipeline';
import { type EncryptionOptions, keyFolder } from '@tenon/runtime';
import { TOKEN_FILE } from '../client/operations-client.ts';
import type { Io } from '../io.ts';
import { quoted } from '../program.ts';
import { CONFIG_FILE, findRoot, readServerConfig } from '../workspace/root.ts';
import { openSecrets } from './secret-managers.ts';

const KEY_BYTES = 32;

/** A key that cannot be read or cannot be one, said in a sentence that does not hold it. */
export class DataKeyError extends Error {
  readonly code = 'RUNTIME_KEY_MISSING';
  /** A secret manager keeps the key, and could not be asked: whether it has it is not known. */
  readonly isUnasked: boolean;

  constructor(message: string, isUnasked: boolean = false) {
    super(message);
    this.isUnasked = isUnasked;
  }
}

/** Why the keys are not at hand that encrypted values are read with. */
export interface KeyRefusal {
  readonly code: string;
  readonly message: string;
}

export interface ReadersKeys {
  readonly encryption?: EncryptionOptions;
  readonly refusal?: KeyRefusal;
}

/** The keys that the configuration names, the current one first. */
export async function encryptionOptions(
  config: EncryptionConfig,
  root: string,
  secrets: SecretStore,
): Promise<EncryptionOptions> {
  const [first] = config.keys;
  if (first === undefined)
    throw new DataKeyError('engine.encryption.keys names no key that could be read; see `tenon check`');
  const keys: Record<string, Uint8Array> = {};
  for (const { id, key } of config.keys) {
    if (Object.hasOwn(keys, id))
      throw new DataKeyError(
        `engine.encryption.keys: two keys are called ${id}; a name stands for one key, for ever`,
      );
    const use = { connection: 'engine', use: `encryption of stored data by ${id}` };
    const secret = await secrets.resolve(key, use).catch((error: unknown) => {
      if (!(error instanceof SecretUnavailableError)) throw error;
      throw new DataKeyError(
        `the key ${id} of engine.encryption.keys cannot be read: ${error.message}`,
        isManager(key) && !ABSENT.has(error.code),
      );
    });
    keys[id] = keyBytes(secret.reveal(), id, secret.reference);
  }
  return {
    keys,
    current: first.id,
    ...(config.folder !== undefined && { folder: resolve(root, config.folder) }),
  };
}

/**
 * For commands that read the file of this workspace, or a copy of it, by themselves: without the keys they show what is
 * not encrypted. The folder of keys is the workspace's, for no copy has one.
 */
export async function readersEncryption(io: Io): Promise<EncryptionOptions | undefined> {
  return (await readersKeys(io)).encryption;
}

/** As `readersEncryption`, and why there are none. */
export async function readersKeys(io: Io): Promise<ReadersKeys> {
  const root = await findRoot(io.cwd);
  const { encryption, engineFile } = await readServerConfig(root);
  if (encryption === undefined || root === undefined || engineFile === undefined) return {};
  const secrets = openSecrets(await managersOf(root, encryption), root, io);
  try {
    const options = await encryptionOptions(encryption, root, secrets.store);
    return { encryption: { ...options, folder: keyFolder(engineFile, options) } };
  } catch (error) {
    if (!(error instanceof DataKeyError)) throw error;
    const { code, message, isUnasked } = error;
    // Whether that key is there is not known here: nothing is called wrong.
    return {
      refusal: isUnasked
        ? {
            code: MANAGED,
            message: `${message}; its secret manager is asked as \`tenon serve\` asks it, so run this where that could, or ask \`tenon serve\` while it runs`,
          }
        : { code, message },
    };
  } finally {
    await secrets.close();
  }
}

/** How the managers are asked; read only where a key is kept by one of them. */
async function managersOf(root: string, { keys }: EncryptionConfig): Promise<SecretsConfig> {
  if (!keys.some(({ key }) => isManager(key))) return {};
  return readConfig(await readFile(join(root, CONFIG_FILE), 'utf8')).config.secrets;
}

function isManager(key: string): boolean {
  return !/^(?:env|file):/.test(key);
}

/** A manager was asked and has no such key, or no machine could ask it, as the configuration names none. */
const ABSENT: ReadonlySet<string> = new Set([
  'SECRET_NOT_FOUND',
  'SECRET_EMPTY',
  'SECRET_STORE_UNCONFIGURED',
]);

/** Could the manager that keeps the key not be asked, so that a reader does not know whether it is right? */
export function isManaged(refusal: KeyRefusal | undefined): boolean {
  return refusal?.code === MANAGED;
}

const MANAGED = 'STORED_VALUE_LOCKED';

/**
 * Files of keys, and of operators' tokens, that anybody on this machine may read, with what to do. No start is refused for it: where a platform mounts secrets,
 * their mode may not be the operator's to choose.
 */
export async function openKeyFiles(
  { engine, ledger, server }: Pick<WorkspaceConfig, 'engine' | 'ledger' | 'server'>,
  root: string,
): Promise<readonly { readonly what: string; readonly fix: string }[]> {
  const named = [
    ...(engine.encryption?.keys ?? []).map(({ id, key }) => ({
      key,
      place: `the key ${id} of engine.encryption.keys`,
    })),
    ...(ledger.key === undefined ? [] : [{ key: ledger.key, place: 'ledger.key' }]),
    ...server.operators.map(({ name, token }) => ({
      key: token,
      place: `the token of ${name} of server.operators`,
    })),
    ...(server.operators.length > 0
      ? []
      : [{ key: `file:${TOKEN_FILE}`, place: 'the token of the local operator' }]),
  ].filter(({ key }) => key.startsWith('file:'));
  const found = await Promise.all(
    named.map(async ({ key, place }) => {
      const file = resolve(root, key.slice('file:'.length));
      // One that is not there is said elsewhere.
      const mode = await stat(file).then(
        (stats) => stats.mode,
        () => 0,
      );
      const what = `${place} lies in ${file}, which anybody on this machine may read (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
      return (mode & OTHERS) === 0 ? [] : [{ what, fix: `chmod 600 ${quoted(file)}` }];
    }),
  );
  // Modes of Windows say nothing of who may read.
  return process.platform === 'win32' ? [] : found.flat();
}

const OTHERS = 0o007;

/** What is said once, at the start that begins it: it cannot be taken back, and the keys are from now on as needed as the file. */
export function encryptingWords(encryption: EncryptionOptions, file: string): string {
  return `stored data is encrypted from now on, and so is what was there before: by the key ${encryption.current} of engine.encryption, with data keys in ${keyFolder(file, encryption)}. There is no way back, and without both nothing of it can be read: keep them, apart from backups of the file`;
}

/** What an operator is told when encrypted values cannot be read. No backup helps against it: it has the same keys. */
export function lockedWords({ code, message }: KeyRefusal): string {
  return `${code}: ${message}; see \`tenon explain ${code}\``;
}

function keyBytes(text: string, id: string, reference: string): Uint8Array {
  const bytes = /^[0-9a-f]{64}$/i.test(text.trim())
    ? Buffer.from(text.trim(), 'hex')
    : Buffer.from(text.trim(), 'base64');
  if (bytes.length === KEY_BYTES) return bytes;
  throw new DataKeyError(
    `engine.encryption.keys: ${reference} (${id}) is no key of ${KEY_BYTES} bytes as base64 or hex; \`openssl rand -base64 32\` makes one`,
  );
}
