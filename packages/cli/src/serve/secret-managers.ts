import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  awsManager,
  gcpManager,
  type OnSecretUse,
  type SecretManager,
  secretStore,
  type VaultLogin,
  vaultManager,
} from '@tenon/connector';
import type { SecretReference, SecretStore } from '@tenon/model';
import type { SecretsConfig, VaultConfig } from '@tenon/pipeline';
import type { Io } from '../io.ts';

export interface OpenSecrets {
  readonly store: SecretStore;
  close(): Promise<void>;
}

/** The secrets of a workspace: environment, files, and the managers that its configuration names. */
export function openSecrets(
  config: SecretsConfig,
  root: string,
  io: Io,
  onSecretUse?: OnSecretUse,
): OpenSecrets {
  const base = {
    env: io.env,
    root,
    readFile: (path: string) => readFile(path, 'utf8'),
    ...(onSecretUse && { onSecretUse }),
  };
  // What managers themselves are asked with cannot come from one.
  const ground = secretStore(base);
  const { clock } = io;
  const { vault, aws, gcp } = config;
  const load = (library: string) => fromWorkspace(library, root);
  const managers: Record<string, SecretManager> = {
    ...(vault && {
      vault: vaultManager({
        address: addressOf(vault, io),
        namespace: vault.namespace,
        login: loginOf(vault, ground),
        keepMs: vault.keepMs,
        clock,
      }),
    }),
    ...(aws && { aws: awsManager({ ...aws, clock, load }) }),
    ...(gcp && { gcp: gcpManager({ ...gcp, clock, load }) }),
  };
  return {
    store: secretStore({ ...base, managers }),
    close: async () => {
      await Promise.all(Object.values(managers).map((manager) => manager.close?.()));
    },
  };
}

/** An unset variable gives no address, which the first use of a reference says. */
function addressOf({ address }: VaultConfig, io: Io): string {
  return address.startsWith('env:') ? (io.env[address.slice('env:'.length)] ?? '') : address;
}

function loginOf({ login }: VaultConfig, ground: SecretStore): VaultLogin {
  const read = (reference: SecretReference) => () =>
    ground.resolve(reference, { connection: 'vault', use: 'log in to the vault' });
  switch (login.method) {
    case 'token':
      return { method: 'token', token: read(login.token) };
    case 'appRole':
      return { ...login, roleId: read(login.roleId), secretId: read(login.secretId) };
    case 'kubernetes':
      return { ...login, token: read(login.token) };
  }
}

/** A library that the workspace installs, not Tenon: found from the workspace, else from here. */
async function fromWorkspace(library: string, root: string): Promise<unknown> {
  try {
    const path = createRequire(join(root, 'package.json')).resolve(library);
    return await import(pathToFileURL(path).href);
  } catch {
    return import(library);
  }
}
