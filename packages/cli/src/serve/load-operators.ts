import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Secret, type SecretStore } from '@tenon/model';
import { isLoopback, type Workspace } from '@tenon/pipeline';
import type { Operator } from '@tenon/server';
import { TOKEN_FILE } from '../client/operations-client.ts';
import { ComposeError } from './compose-error.ts';

/**
 * The operators of the configuration; without any, one local operator whose token lies in the workspace, readable by
 * its owner only. That suffices on loopback; on any other host operators must be named.
 */
export async function loadOperators(
  workspace: Workspace,
  secrets: SecretStore,
  root: string,
): Promise<Operator[]> {
  const { host, operators } = workspace.config.server;
  if (operators.length > 0) {
    const loaded = await Promise.all(
      operators.map(async ({ name, role, teams, token }) => ({
        name,
        role,
        ...(teams && { teams: teams.map(({ value }) => value) }),
        token: await secrets.resolve(token, { connection: 'operations', use: `operator ${name}` }),
      })),
    );
    refuseSharedTokens(loaded);
    return loaded;
  }
  if (!isLoopback(host)) {
    throw new ComposeError(
      `server.host is ${host}, which others can reach: name operators in tenon.config.yaml (server.operators) first`,
    );
  }
  const path = join(root, TOKEN_FILE);
  const known = (await readFile(path, 'utf8').catch(() => '')).trim();
  const token = known || randomBytes(32).toString('base64url');
  if (known === '') {
    await mkdir(dirname(path), { recursive: true });
    // Where a file is there that holds none, its mode may be any.
    await writeFile(path, '', { mode: 0o600 });
    await chmod(path, 0o600);
    await writeFile(path, `${token}\n`);
  }
  return [{ name: 'local-operator', role: 'operator', token: new Secret(`file:${TOKEN_FILE}`, token) }];
}

/** What is said at a start of an operator whose token is no long random one. */
export function guessableWords(name: string): string {
  return `the token of ${name} (server.operators) can be guessed: whoever tries tokens from the same address can find it, or keep ${name} waiting; \`openssl rand -base64 32\` makes one that nobody guesses`;
}

/** Who did it could not be told: the ledger would name one of them for what the other did. */
function refuseSharedTokens(operators: readonly Operator[]): void {
  const holders = new Map<string, string>();
  for (const { name, token } of operators) {
    const other = holders.get(token.reveal());
    if (other !== undefined)
      throw new ComposeError(
        `server.operators: ${other} and ${name} have the same token; give each a token of their own`,
      );
    holders.set(token.reveal(), name);
  }
}
