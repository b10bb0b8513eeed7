import { type ConnectorManifest, credentialFields } from '@tenon/connector';
import { type Diagnostic, didYouMean, type Location } from '@tenon/model';
import type { ConnectionPlaces } from '../load/config.ts';
import { diagnostic } from '../rules.ts';
import type { Workspace, WorkspaceConnection } from '../workspace.ts';
import { checkTeam } from './proofs/owners.ts';

/** Do the connections of `tenon.config.yaml` fit their connectors? */
export function checkConnections(workspace: Workspace): Diagnostic[] {
  return Object.values(workspace.config.connections).flatMap((connection) => {
    const places = workspace.connectionPlaces.get(connection.name);
    if (!places) return [];
    const manifest = workspace.connectors.get(connection.connector);
    const found = [
      ...checkBaseUrl(connection, places, workspace),
      ...checkQuota(connection, places, workspace),
      ...(places.owners ?? []).flatMap((team) => checkTeam(team, workspace)),
    ];
    if (manifest) return [...found, ...checkAgainst(manifest, connection, places)];
    found.push(
      problem(
        'unknown-connector',
        `there is no connector \`${connection.connector}\``,
        places.connector,
        connection.connector,
        workspace.connectors.keys(),
      ),
    );
    return found;
  });
}

/** A shared quota is counted somewhere, and there is one. */
function checkQuota(
  { name, connector, quota }: WorkspaceConnection,
  places: ConnectionPlaces,
  workspace: Workspace,
): Diagnostic[] {
  if (quota === undefined || !places.quota) return [];
  const at = places.quota;
  const found: Diagnostic[] = [];
  if (workspace.config.quotas === undefined)
    found.push(
      diagnostic('quota-store-unconfigured', {
        message: `account \`${quota.account}\` is shared, and \`quotas\` does not say where its calls are counted`,
        at,
        subject: name,
      }),
    );
  const manifest = workspace.connectors.get(connector);
  if (manifest && manifest.defaults.rateLimit === undefined)
    found.push(
      diagnostic('shared-quota-without-limit', {
        message: `connector \`${connector}\` declares no \`rateLimit\`, so there is no quota to share`,
        at,
        subject: name,
      }),
    );
  return found;
}

function checkBaseUrl(
  { name, baseUrl, connector }: WorkspaceConnection,
  places: ConnectionPlaces,
  { connectors }: Workspace,
): Diagnostic[] {
  // That one is missing is found where it is needed: of a connection over which something is called.
  if (baseUrl === undefined || !places.baseUrl) return [];
  if (isVariable(baseUrl)) return [];
  const { protocol } = URL.parse(baseUrl) ?? {};
  const isHttp = protocol === 'http:' || protocol === 'https:';
  // The scheme of `localhost:4890` is `localhost`.
  const isHostAlone = protocol !== undefined && /^[^/?#]+:\d+([/?#]|$)/.test(baseUrl);
  const speaksHttp = connectors.get(connector)?.transport === 'http';
  if (protocol !== undefined && !isHostAlone && (isHttp || !speaksHttp)) return [];
  const shown = withoutLogin(baseUrl);
  return [
    ...loginFound(baseUrl, `connections.${name}.baseUrl`, places.baseUrl),
    diagnostic('base-url-invalid', {
      message:
        protocol === undefined || isHostAlone
          ? `\`${shown}\` is neither a URL nor \`env:NAME\``
          : `\`${shown}\` is no address of HTTP, which connector \`${connector}\` speaks`,
      at: places.baseUrl,
      subject: name,
      ...(isHostAlone && {
        fix: `write the scheme too: \`${speaksHttp ? 'http://' : '<scheme>://'}${shown}\``,
      }),
    }),
  ];
}

function checkAgainst(
  manifest: ConnectorManifest,
  connection: WorkspaceConnection,
  places: ConnectionPlaces,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const { identity } = connection;
  if (identity !== undefined && places.identity && !Object.hasOwn(manifest.identities, identity))
    found.push(
      problem(
        'unknown-identity',
        `connector \`${manifest.name}\` has no identity \`${identity}\``,
        places.identity,
        identity,
        Object.keys(manifest.identities),
      ),
    );
  for (const { value, at } of places.sources ?? [])
    if (!Object.hasOwn(manifest.sources, value))
      found.push(
        problem(
          'unknown-source',
          `connector \`${manifest.name}\` has no source \`${value}\``,
          at,
          value,
          Object.keys(manifest.sources),
        ),
      );
  return [
    ...found,
    ...checkCredentials(manifest, connection, places),
    ...checkTokenUrls(manifest, connection, places),
  ];
}

function checkTokenUrls(
  manifest: ConnectorManifest,
  { name }: WorkspaceConnection,
  { tokenUrls }: ConnectionPlaces,
): Diagnostic[] {
  const schemes = manifest.auth.flatMap(({ id, type }) => (type === 'oauth2' ? [id] : []));
  return tokenUrls.flatMap(({ scheme, url }) => {
    if (!schemes.includes(scheme.value)) {
      const message = `connector \`${manifest.name}\` has no oauth2 scheme \`${scheme.value}\`, so no tokens for it`;
      return [problem('credential-unknown', message, scheme.at, scheme.value, schemes)];
    }
    if (isVariable(url.value) || isHttpUrl(url.value)) return [];
    const message = `\`${withoutLogin(url.value)}\` is neither a URL of HTTP nor \`env:NAME\``;
    return [
      ...loginFound(url.value, `connections.${name}.tokenUrls.${scheme.value}`, url.at),
      diagnostic('token-url-invalid', { message, at: url.at, subject: `${name} ${scheme.value}` }),
    ];
  });
}

const LOGIN = /^([a-z][a-z0-9+.-]*:\/\/|\/\/)?[^/@\s]*@/i;

/** As it may be quoted: what is no URL may be meant as one, with a password in it. */
function withoutLogin(address: string): string {
  return address.replace(LOGIN, '$1…@');
}

/** By it the line is covered where it is shown. One with a scheme is found wherever it stands. */
function loginFound(address: string, subject: string, at: Location): Diagnostic[] {
  if (!LOGIN.test(address) || address.includes('://')) return [];
  return [
    diagnostic('secret-literal', {
      message: `\`${subject}\` holds a login instead of an address`,
      at,
      subject,
    }),
  ];
}

function isVariable(text: string): boolean {
  return /^env:[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}

function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

function checkCredentials(
  manifest: ConnectorManifest,
  connection: WorkspaceConnection,
  places: ConnectionPlaces,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const schemes = new Map(manifest.auth.map((scheme) => [scheme.id, scheme]));
  for (const { scheme, fields } of places.credentials) {
    const known = schemes.get(scheme.value);
    if (!known) {
      const message = `connector \`${manifest.name}\` has no auth scheme \`${scheme.value}\``;
      found.push(problem('credential-unknown', message, scheme.at, scheme.value, schemes.keys()));
      continue;
    }
    const { required, optional } = credentialFields(known);
    for (const field of fields) {
      if ([...required, ...optional].includes(field.value)) continue;
      const message = `a ${known.type} credential has no \`${field.value}\``;
      found.push(problem('credential-unknown', message, field.at, field.value, [...required, ...optional]));
    }
    for (const name of required) {
      if (fields.some(({ value }) => value === name)) continue;
      const message = `a ${known.type} credential needs \`${name}\``;
      found.push(
        diagnostic('credential-missing', { message, at: scheme.at, subject: `${connection.name} ${name}` }),
      );
    }
  }
  const isGiven = places.credentials.some(({ scheme }) => schemes.has(scheme.value));
  if (manifest.auth.length > 0 && !isGiven && places.credentials.length === 0) {
    const ids = [...schemes.keys()].map((id) => `\`${id}\``).join(' or ');
    const message = `connection \`${connection.name}\` has no credentials; connector \`${manifest.name}\` knows ${ids}`;
    found.push(diagnostic('credential-missing', { message, at: places.name, subject: connection.name }));
  }
  return found;
}

function problem(
  code: 'unknown-connector' | 'unknown-identity' | 'unknown-source' | 'credential-unknown',
  message: string,
  at: Location,
  name: string,
  candidates: Iterable<string>,
): Diagnostic {
  return diagnostic(code, {
    message,
    at,
    subject: name,
    misspelt: { name, meant: didYouMean(name, candidates) },
  });
}
