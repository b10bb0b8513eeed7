import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a test's vault was asked, in order: `GET /v1/secret/data/billing`. */
export interface VaultServer extends AsyncDisposable {
  readonly address: string;
  readonly asked: string[];
  /** Versions of each path below `secret/`, oldest first; `null` has been deleted. */
  readonly secrets: Record<string, (Readonly<Record<string, string>> | null)[]>;
  /** Answers every request so while it is set. */
  trouble?: number;
  leaseSeconds: number;
  namespace?: string;
  renewable: boolean;
  /** Logins are refused. */
  closed: boolean;
  revoke(): void;
}

/** A server that speaks HashiCorp Vault's HTTP API as far as KV version 2, tokens, AppRole and Kubernetes logins need it. */
export async function vaultServer(): Promise<VaultServer> {
  const asked: string[] = [];
  const secrets: VaultServer['secrets'] = {};
  const tokens = new Set(['root-token']);
  let serial = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
    const url = new URL(request.url ?? '', 'http://vault');
    asked.push(`${request.method} ${url.pathname}${url.search}`);
    const answer = (status: number, value?: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(value && JSON.stringify(value));
    };
    const refuse = (status: number): void => answer(status, { errors: ['hunter2 is what you sent'] });
    if (vault.trouble !== undefined) return refuse(vault.trouble);
    if (vault.namespace !== undefined && request.headers['x-vault-namespace'] !== vault.namespace)
      return refuse(404);
    const path = url.pathname.replace('/v1/', '');
    if (path.startsWith('auth/') && path.endsWith('/login')) {
      const isRole = body.role_id === 'role' && body.secret_id === 'secret-id';
      const isWorkload = body.role === 'tenon' && body.jwt === 'workload-jwt';
      if (vault.closed || (!isRole && !isWorkload)) return refuse(400);
      serial += 1;
      tokens.add(`token-${serial}`);
      return answer(200, {
        auth: {
          client_token: `token-${serial}`,
          lease_duration: vault.leaseSeconds,
          renewable: vault.renewable,
        },
      });
    }
    const token = String(request.headers['x-vault-token']);
    if (!tokens.has(token)) return refuse(403);
    if (path === 'auth/token/lookup-self')
      return answer(200, { data: { ttl: vault.leaseSeconds, renewable: vault.renewable } });
    if (path === 'auth/token/renew-self')
      return vault.closed
        ? refuse(403)
        : answer(200, {
            auth: { client_token: token, lease_duration: vault.leaseSeconds, renewable: true },
          });
    const [, kind, name = ''] = /^secret\/(data|metadata)\/(.+)$/.exec(path) ?? [];
    const versions = secrets[name];
    if (versions === undefined) return refuse(404);
    if (kind === 'metadata') return answer(200, { data: { current_version: versions.length } });
    const version = Number(url.searchParams.get('version') ?? versions.length);
    const data = versions[version - 1];
    if (data === null || data === undefined)
      return answer(404, { data: { data: null, metadata: { version, deletion_time: '2026-01-01' } } });
    return answer(200, { data: { data, metadata: { version } } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is an object once it listens.
  const { port } = server.address() as AddressInfo;
  const vault: VaultServer = {
    address: `http://127.0.0.1:${port}`,
    asked,
    secrets,
    leaseSeconds: 3_600,
    renewable: true,
    closed: false,
    revoke: () => tokens.clear(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return vault;
}
