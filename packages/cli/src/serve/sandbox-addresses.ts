import type { Io } from '../io.ts';

/** Holds the addresses of running sandboxes, with commas between them. `tenon sandbox` prints it. */
export const SANDBOXES_VARIABLE = 'TENON_SANDBOXES';

/**
 * Does a sandbox of ours stand there? It is told, not guessed: a loopback address may as well be a proxy to the vendor
 * itself, whose tokens then come from where the manifest says.
 */
export function isSandboxAddress(baseUrl: string, { env }: Pick<Io, 'env'>): boolean {
  const named = (env[SANDBOXES_VARIABLE] ?? '').split(',').flatMap((address) => originOf(address.trim()));
  return originOf(baseUrl).some((origin) => named.includes(origin));
}

function originOf(address: string): readonly string[] {
  return URL.canParse(address) ? [new URL(address).origin] : [];
}
