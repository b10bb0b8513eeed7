import type { ConnectionConfig } from '@tenon/connector';
import {
  type Diagnostic,
  isSecretReference,
  type Location,
  parseDuration,
  type SecretReference,
} from '@tenon/model';
import { byOwnName } from '../by-own-name.ts';
import { diagnostic } from '../rules.ts';
import { checkShape } from '../shape/check-shape.ts';
import { configSchema } from '../shape/config-schema.ts';
import { OPERATOR_ROLES } from '../shape/operator-roles.ts';
import { given, type Located, reader } from '../spec/pipeline-spec.ts';
import { child, parseSpec, type SpecNode } from '../yaml/spec-document.ts';
import { managedReferences, readSecretsConfig, type SecretsConfig } from './secrets-config.ts';

/** `tenon.config.yaml`. */
export interface WorkspaceConfig {
  readonly engine: {
    readonly type: 'embedded';
    readonly file: string;
    readonly encryption?: EncryptionConfig;
  };
  /** Defaults: host `127.0.0.1`, port 4700, no operators (a local one is then made, on loopback only). */
  readonly server: {
    readonly host: string;
    /** Where it is said. */
    readonly hostAt?: Location;
    readonly port: number;
    readonly operators: readonly Operator[];
    /** Who answers for what no pipeline owns. */
    readonly owner?: {
      readonly team: string;
      readonly teamAt: Location;
      readonly backup?: string;
      readonly escalation?: string;
    };
  };
  readonly ledger: LedgerConfig;
  readonly secrets: SecretsConfig;
  readonly quotas?: QuotasConfig;
  readonly connections: Readonly<Record<string, WorkspaceConnection>>;
}

/** Where quotas are counted that several processes share. */
export interface QuotasConfig {
  /** URL, or `env:NAME`. */
  readonly redis: string;
  readonly password?: SecretReference;
  readonly prefix?: string;
}

/** Keys that wrap data keys, the one for new ones first. */
export interface EncryptionConfig {
  readonly keys: readonly { readonly id: string; readonly key: SecretReference }[];
  readonly folder?: string;
}

/** How the ledger is signed. Absent members: a generated key, a file beside the database, the runtime's schedule. */
export interface LedgerConfig {
  readonly name?: string;
  readonly key?: SecretReference;
  readonly checkpoints: {
    readonly file?: string;
    readonly witness?: string;
    readonly everyMs?: number;
    readonly everyRows?: number;
  };
}

export interface Operator {
  readonly name: string;
  readonly role: (typeof OPERATOR_ROLES)[number];
  /** Whose approvals they decide; absent: those of all. */
  readonly teams?: readonly Located<string>[];
  readonly token: SecretReference;
  readonly tokenAt: Location;
}

/** A connection, and who may use it for what. */
export interface WorkspaceConnection extends Omit<ConnectionConfig, 'baseUrl'> {
  /** URL, or `env:NAME`; absent where nothing is called over it. */
  readonly baseUrl?: string;
  /** The manifest's identity whose scopes the credentials hold. */
  readonly identity?: string;
  /** Its quota is counted together with that of other processes. */
  readonly quota?: { readonly account: string; readonly share: number };
  /** Events of the connector's `sources` that are taken in over it; absent: all. */
  readonly sources?: readonly string[];
  /** Where the account is. */
  readonly region?: string;
  /** Teams whose pipelines may use it. */
  readonly owners?: readonly string[];
  /** Windows in which calls over it are held. */
  readonly maintenance?: readonly {
    readonly schedule: string;
    readonly zone: string;
    readonly forMs: number;
  }[];
}

/** Where the parts of a connection were written, for checks that come later. */
export interface ConnectionPlaces {
  readonly name: Location;
  readonly connector: Location;
  readonly baseUrl?: Location;
  readonly identity?: Location;
  readonly quota?: Location;
  readonly owners?: readonly Located<string>[];
  readonly sources?: readonly Located<string>[];
  /** How many are written, readable or not. */
  readonly webhookSecrets?: Located<number>;
  readonly grants: readonly GrantPlaces[];
  readonly tokenUrls: readonly { readonly scheme: Located<string>; readonly url: Located<string> }[];
  readonly credentials: readonly {
    readonly scheme: Located<string>;
    readonly fields: readonly Located<string>[];
  }[];
}

export interface GrantPlaces {
  readonly pipeline: Located<string>;
  readonly operations: readonly Located<string>[];
  readonly scopes: readonly Located<string>[];
  readonly hosts: readonly Located<string>[];
}

export const CONFIG_FILE = 'tenon.config.yaml';

const DEFAULTS = { file: '.tenon/tenon.db', host: '127.0.0.1', port: 4700 } as const;

export interface LoadedConfig {
  readonly config: WorkspaceConfig;
  readonly places: ReadonlyMap<string, ConnectionPlaces>;
  readonly diagnostics: readonly Diagnostic[];
  /** Could the text be read at all? */
  readonly isReadable: boolean;
}

/** Reads `tenon.config.yaml`; defaults stand in for what is missing or wrong, which is reported. */
export function readConfig(text: string): LoadedConfig {
  const document = parseSpec(CONFIG_FILE, text);
  const found: Diagnostic[] = [...document.diagnostics];
  const root = document.isBroken ? undefined : document.root;
  if (root) found.push(...checkShape(document, root, configSchema));
  const read = reader(document, found);
  const engine = child(root, 'engine');
  const server = child(root, 'server');
  const connections: Record<string, WorkspaceConnection> = byOwnName([]);
  const places = new Map<string, ConnectionPlaces>();
  const listed = child(root, 'connections');
  for (const { key, value } of listed?.kind === 'map' ? listed.entries : []) {
    const name = String(key.value);
    const connector = read.text(child(value, 'connector'));
    const baseUrl = read.text(child(value, 'baseUrl'));
    if (!connector) continue;
    const identity = read.text(child(value, 'identity'));
    const owners = texts(child(value, 'owners'));
    const sources = texts(child(value, 'sources'));
    const webhookSecrets = child(value, 'webhookSecrets');
    const tokenUrls = tokenUrlPlaces(child(value, 'tokenUrls'));
    const grants = grantPlaces(child(value, 'grants'));
    connections[name] = {
      name,
      connector: connector.value,
      ...given('baseUrl', baseUrl?.value),
      credentials: credentials(child(value, 'credentials')),
      ...(tokenUrls.length > 0 && {
        tokenUrls: byOwnName(tokenUrls.map(({ scheme, url }) => [scheme.value, url.value])),
      }),
      webhookSecrets: texts(webhookSecrets)?.flatMap(({ value: one }) => reference(one)) ?? [],
      ...given('maintenance', maintenance(child(value, 'maintenance'))),
      ...given('region', read.text(child(value, 'region'))?.value),
      ...given('quota', quota(child(value, 'quota'))),
      ...given('identity', identity?.value),
      ...given(
        'owners',
        owners?.map((one) => one.value),
      ),
      ...given(
        'sources',
        sources?.map((one) => one.value),
      ),
      grants: byOwnName(
        grants.map(({ pipeline, operations, scopes, hosts }) => [
          pipeline.value,
          { operations: operations.map(said), scopes: scopes.map(said), hosts: hosts.map(said) },
        ]),
      ),
    };
    places.set(name, {
      name: document.at(key),
      connector: connector.at,
      ...given('baseUrl', baseUrl?.at),
      ...given('identity', identity?.at),
      ...given('quota', quotaAt(child(value, 'quota'))),
      ...given('owners', owners),
      ...given('sources', sources),
      ...(webhookSecrets && {
        webhookSecrets: {
          value: webhookSecrets.kind === 'list' ? webhookSecrets.items.length : 0,
          at: document.at(webhookSecrets),
        },
      }),
      grants,
      tokenUrls,
      credentials: credentialPlaces(child(value, 'credentials')),
    });
  }
  const config: WorkspaceConfig = {
    engine: {
      type: 'embedded',
      file: read.text(child(engine, 'file'))?.value ?? DEFAULTS.file,
      ...given('encryption', encryption(child(engine, 'encryption'))),
    },
    server: {
      host: read.text(child(server, 'host'))?.value ?? DEFAULTS.host,
      ...given('hostAt', read.text(child(server, 'host'))?.at),
      port: read.number(child(server, 'port'))?.value ?? DEFAULTS.port,
      operators: operators(child(server, 'operators')),
      ...given('owner', answering(child(server, 'owner'))),
    },
    ledger: ledger(child(root, 'ledger')),
    secrets: readSecretsConfig(child(root, 'secrets'), read),
    ...given('quotas', quotas(child(root, 'quotas'))),
    connections,
  };
  for (const { scheme, text, at } of managedReferences(root, (node) => document.at(node)))
    if (!child(child(root, 'secrets'), scheme))
      found.push(
        diagnostic('secret-store-unconfigured', {
          message: `\`${text}\` is kept by ${scheme}, and \`secrets.${scheme}\` does not say where that is`,
          at,
          subject: text,
        }),
      );
  return { config, places, diagnostics: found, isReadable: root !== undefined };

  function quotas(node: SpecNode | undefined): QuotasConfig | undefined {
    const redis = read.text(child(node, 'redis'))?.value;
    if (redis === undefined) return undefined;
    return {
      redis,
      ...given('password', reference(read.text(child(node, 'password'))?.value)[0]),
      ...given('prefix', read.text(child(node, 'prefix'))?.value),
    };
  }

  function quota(node: SpecNode | undefined): WorkspaceConnection['quota'] {
    const account = read.text(child(node, 'account'))?.value;
    const share = read.number(child(node, 'share'))?.value;
    return account === undefined || share === undefined ? undefined : { account, share };
  }

  function quotaAt(node: SpecNode | undefined): Location | undefined {
    return node && document.at(node);
  }

  function maintenance(node: SpecNode | undefined): WorkspaceConnection['maintenance'] {
    if (node?.kind !== 'list') return undefined;
    return node.items.flatMap((item) => {
      const schedule = read.text(child(item, 'schedule'))?.value;
      const forMs = parseDuration(read.text(child(item, 'for'))?.value ?? '');
      if (schedule === undefined || forMs === undefined) return [];
      return [{ schedule, zone: read.text(child(item, 'zone'))?.value ?? 'UTC', forMs }];
    });
  }

  function texts(node: SpecNode | undefined): Located<string>[] | undefined {
    return node?.kind === 'list' ? node.items.flatMap((item) => read.text(item) ?? []) : undefined;
  }

  function grantPlaces(node: SpecNode | undefined): GrantPlaces[] {
    return (node?.kind === 'map' ? node.entries : []).map(({ key, value }) => ({
      pipeline: { value: String(key.value), at: document.at(key) },
      operations: texts(child(value, 'operations')) ?? [],
      scopes: texts(child(value, 'scopes')) ?? [],
      hosts: texts(child(value, 'hosts')) ?? [],
    }));
  }

  function credentials(node: SpecNode | undefined): ConnectionConfig['credentials'] {
    const schemes = (node?.kind === 'map' ? node.entries : []).map(({ key, value }) => {
      const fields = (value.kind === 'map' ? value.entries : []).flatMap((field) =>
        reference(read.text(field.value)?.value).map((one) => [String(field.key.value), one] as const),
      );
      return [String(key.value), Object.fromEntries(fields)] as const;
    });
    return Object.fromEntries(schemes);
  }

  function tokenUrlPlaces(node: SpecNode | undefined): ConnectionPlaces['tokenUrls'] {
    return (node?.kind === 'map' ? node.entries : []).flatMap(({ key, value }) => {
      const url = read.text(value);
      return url === undefined ? [] : [{ scheme: { value: String(key.value), at: document.at(key) }, url }];
    });
  }

  function credentialPlaces(node: SpecNode | undefined): ConnectionPlaces['credentials'] {
    return (node?.kind === 'map' ? node.entries : []).map(({ key, value }) => ({
      scheme: { value: String(key.value), at: document.at(key) },
      fields: (value.kind === 'map' ? value.entries : []).map((field) => ({
        value: String(field.key.value),
        at: document.at(field.key),
      })),
    }));
  }

  function encryption(node: SpecNode | undefined): EncryptionConfig | undefined {
    if (node === undefined) return undefined;
    const keys = child(node, 'keys');
    return {
      keys: (keys?.kind === 'list' ? keys.items : []).flatMap((item) => {
        const id = read.text(child(item, 'id'))?.value;
        const [key] = reference(read.text(child(item, 'key'))?.value);
        return id !== undefined && key !== undefined ? [{ id, key }] : [];
      }),
      ...given('folder', read.text(child(node, 'folder'))?.value),
    };
  }

  function ledger(node: SpecNode | undefined): LedgerConfig {
    const checkpoints = child(node, 'checkpoints');
    return {
      ...given('name', read.text(child(node, 'name'))?.value),
      ...given('key', reference(read.text(child(node, 'key'))?.value)[0]),
      checkpoints: {
        ...given('file', read.text(child(checkpoints, 'file'))?.value),
        ...given('witness', read.text(child(checkpoints, 'witness'))?.value),
        ...given('everyMs', read.duration(child(checkpoints, 'every'))?.value),
        ...given('everyRows', read.number(child(checkpoints, 'rows'))?.value),
      },
    };
  }

  function answering(node: SpecNode | undefined): WorkspaceConfig['server']['owner'] {
    const team = read.text(child(node, 'team'));
    return (
      team && {
        team: team.value,
        teamAt: team.at,
        ...given('backup', read.text(child(node, 'backup'))?.value),
        ...given('escalation', read.text(child(node, 'escalation'))?.value),
      }
    );
  }

  function operators(node: SpecNode | undefined): Operator[] {
    return (node?.kind === 'list' ? node.items : []).flatMap((item) => {
      const name = read.text(child(item, 'name'))?.value;
      const role = read.oneOf(child(item, 'role'), OPERATOR_ROLES)?.value;
      const written = read.text(child(item, 'token'));
      const [token] = reference(written?.value);
      const teams = given('teams', texts(child(item, 'teams')));
      return name !== undefined && role && token && written
        ? [{ name, role, ...teams, token, tokenAt: written.at }]
        : [];
    });
  }
}

function said({ value }: Located<string>): string {
  return value;
}

/** The reference, when it is one; a literal has been reported by the shape check and goes no further. */
function reference(text: string | undefined): SecretReference[] {
  return text !== undefined && isSecretReference(text) ? [text] : [];
}
