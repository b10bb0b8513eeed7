import { isSecretReference, type Location, type SecretReference, type SecretScheme } from '@tenon/model';
import { given, type reader } from '../spec/pipeline-spec.ts';
import { child, type SpecNode } from '../yaml/spec-document.ts';

/** Managers that keep secrets of the workspace. */
export interface SecretsConfig {
  readonly vault?: VaultConfig;
  readonly aws?: { readonly region?: string; readonly keepMs: number };
  readonly gcp?: { readonly project?: string; readonly keepMs: number };
}

export interface VaultConfig {
  /** URL, or `env:NAME`. */
  readonly address: string;
  readonly namespace?: string;
  readonly login:
    | { readonly method: 'token'; readonly token: SecretReference }
    | {
        readonly method: 'appRole';
        readonly mount: string;
        readonly roleId: SecretReference;
        readonly secretId: SecretReference;
      }
    | {
        readonly method: 'kubernetes';
        readonly mount: string;
        readonly role: string;
        readonly token: SecretReference;
      };
  readonly keepMs: number;
}

const KEEP_MS_DEFAULT = 60_000;
/** Where an orchestrator mounts the token of a workload. */
const WORKLOAD_TOKEN = 'file:/var/run/secrets/kubernetes.io/serviceaccount/token';

/** `secrets` of `tenon.config.yaml`; what is wrong with it has been reported by the shape check. */
export function readSecretsConfig(
  node: SpecNode | undefined,
  read: ReturnType<typeof reader>,
): SecretsConfig {
  const vault = child(node, 'vault');
  const aws = child(node, 'aws');
  const gcp = child(node, 'gcp');
  const keepMs = (manager: SpecNode): number =>
    read.duration(child(manager, 'keep'))?.value ?? KEEP_MS_DEFAULT;
  const address = read.text(child(vault, 'address'))?.value;
  const login = vault && loginOf(vault);
  return {
    ...(vault &&
      address !== undefined &&
      login && {
        vault: {
          address,
          login,
          keepMs: keepMs(vault),
          ...given('namespace', read.text(child(vault, 'namespace'))?.value),
        },
      }),
    ...(aws && { aws: { keepMs: keepMs(aws), ...given('region', read.text(child(aws, 'region'))?.value) } }),
    ...(gcp && {
      gcp: { keepMs: keepMs(gcp), ...given('project', read.text(child(gcp, 'project'))?.value) },
    }),
  };

  function loginOf(manager: SpecNode): VaultConfig['login'] | undefined {
    const [appRole, kubernetes] = [child(manager, 'appRole'), child(manager, 'kubernetes')];
    if (appRole) {
      const [roleId, secretId] = [reference(child(appRole, 'roleId')), reference(child(appRole, 'secretId'))];
      const mount = read.text(child(appRole, 'mount'))?.value ?? 'approle';
      return roleId && secretId && { method: 'appRole', mount, roleId, secretId };
    }
    if (kubernetes) {
      const role = read.text(child(kubernetes, 'role'))?.value;
      const mount = read.text(child(kubernetes, 'mount'))?.value ?? 'kubernetes';
      const token = reference(child(kubernetes, 'token')) ?? WORKLOAD_TOKEN;
      return role === undefined ? undefined : { method: 'kubernetes', mount, role, token };
    }
    const token = reference(child(manager, 'token'));
    return token && { method: 'token', token };
  }

  function reference(node: SpecNode | undefined): SecretReference | undefined {
    const text = read.text(node)?.value;
    return text !== undefined && isSecretReference(text) ? text : undefined;
  }
}

/** References to managers, wherever they stand in a document. */
export function* managedReferences(
  node: SpecNode | undefined,
  at: (node: SpecNode) => Location,
): Generator<{ readonly scheme: SecretScheme; readonly text: string; readonly at: Location }> {
  if (node?.kind === 'map') for (const { value } of node.entries) yield* managedReferences(value, at);
  else if (node?.kind === 'list') for (const item of node.items) yield* managedReferences(item, at);
  else if (node?.kind === 'scalar' && typeof node.value === 'string' && isSecretReference(node.value)) {
    // A reference begins with its scheme.
    const scheme = node.value.slice(0, node.value.indexOf(':')) as SecretScheme;
    if (scheme !== 'env' && scheme !== 'file') yield { scheme, text: node.value, at: at(node) };
  }
}
