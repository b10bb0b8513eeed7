import { join } from 'node:path';
import { type FileTokenVault, fileTokenVault, type TokenLock, TokenLockedError } from '@tenon/connector';
import type { Workspace } from '@tenon/pipeline';
import { byteSeal, type EncryptionOptions } from '@tenon/runtime';
import type { Io } from '../io.ts';
import { readersKeys } from './data-keys.ts';

/** Below the workspace. */
export const TOKENS_FOLDER = join('.tenon', 'tokens');

/** Refresh tokens that servers rotated: encrypted by the keys of the database where that is. */
export function keptTokens(
  root: string,
  encryption: EncryptionOptions | undefined,
  refusal?: TokenLock,
): FileTokenVault {
  return fileTokenVault(join(root, TOKENS_FOLDER), {
    ...(encryption && { seal: byteSeal(encryption, 'refresh tokens') }),
    ...(refusal && { refusal }),
  });
}

/** For commands that call by themselves: without the keys nothing is asked by what is kept, nor by what that came from. */
export async function readersTokens(root: string, io: Io): Promise<FileTokenVault> {
  const { encryption, refusal } = await readersKeys({ ...io, cwd: root });
  return keptTokens(root, encryption, refusal);
}

/** Tokens that cannot be opened: `needed`, where a connection cannot go on without it, and `others`. */
interface TokenLocks {
  readonly needed?: TokenLock;
  readonly others: readonly TokenLock[];
}

export async function tokenLocks(
  tokens: FileTokenVault,
  { config, connectors }: Pick<Workspace, 'config' | 'connectors'>,
): Promise<TokenLocks> {
  // A token that may be used again stands in the configuration too, and a connection that is gone asks for nothing.
  const keys = Object.values(config.connections).flatMap(({ name, connector, credentials }) =>
    (connectors.get(connector)?.auth ?? []).flatMap((scheme) =>
      scheme.type === 'oauth2' &&
      scheme.flow === 'refreshToken' &&
      scheme.rotation !== 'reusable' &&
      Object.hasOwn(credentials, scheme.id)
        ? [`${name}/${scheme.id}`]
        : [],
    ),
  );
  try {
    return { others: await tokens.prove(keys) };
  } catch (error) {
    if (error instanceof TokenLockedError)
      return { needed: { code: error.code, message: error.message }, others: [] };
    throw error;
  }
}

/** What is done about one that a connection needs and that nobody can open any more: with the file alone gone, the spent one would be sent. */
export const LOST_FIX =
  'where the key or the file is lost, have a person consent anew, put that token where the connection reads it, and then delete the file';

/** What is done about one that nothing needs. */
export const UNNEEDED_FIX = 'delete the file, or configure its key once more';
