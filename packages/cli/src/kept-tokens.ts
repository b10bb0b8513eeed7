import { join } from 'node:path';
import { type FileTokenVault, fileTokenVault, type TokenLock, TokenLockedError } from '@tenon/connector';
import { byteSeal, type EncryptionOptions } from '@tenon/runtime';
import { readersKeys } from './data-keys.ts';
import type { Io } from './io.ts';

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

/** What keeps tokens from being read; nothing where they can be. */
export async function tokenLock(tokens: FileTokenVault): Promise<TokenLock | undefined> {
  try {
    await tokens.prove();
    return undefined;
  } catch (error) {
    if (error instanceof TokenLockedError) return { code: error.code, message: error.message };
    throw error;
  }
}
