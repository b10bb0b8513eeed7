import type { ConnectorManifest } from '@tenon/connector';
import { givenUrl } from '../client/given-url.ts';
import { CommandError } from '../command-error.ts';
import { exit } from '../exit.ts';

/**
 * Guards a real system to test against: only the sandbox that the manifest declares, or this machine; effects only where the data is made
 * up. Is it on this machine? Ends with 4, and nothing is called, where it is neither.
 */
export function guardTarget(
  { name, sandbox }: ConnectorManifest,
  url: string,
  option: string,
  wantsEffects: boolean,
): { readonly isHere: boolean } {
  const { host, hostname } = givenUrl(`--${option}`, url, '--connection names whose credentials are used');
  const isHere = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  const declared = sandbox || undefined;
  const isDeclared = declared !== undefined && new URL(declared.server).host === host;
  if (!isHere && !isDeclared)
    throw targetRefused(
      `${host} is not the sandbox that connector ${name} declares${declared ? ` (${new URL(declared.server).host})` : ''}: nothing was called`,
    );
  if (wantsEffects && !isHere && declared?.synthetic !== true)
    throw targetRefused(
      `effects at ${host} are refused: the manifest does not say that its data is made up (\`sandbox: { synthetic: true }\`)`,
    );
  return { isHere };
}

function targetRefused(why: string): CommandError {
  return new CommandError(`${why} (target-refused)`, exit.notAuthorised, 'target-refused');
}
