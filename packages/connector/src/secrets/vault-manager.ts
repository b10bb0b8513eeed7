import { type Clock, isObject, type Secret, type SecretLocation } from '@tenon/model';
import { Agent, request } from 'undici';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import { KeptValues } from './kept-values.ts';
import { type SecretManager, SecretUnavailableError } from './secret-store.ts';

/** How this process says who it is; each part is read anew for each login. */
export type VaultLogin =
  | { readonly method: 'token'; token(): Promise<Secret> }
  | {
      readonly method: 'appRole';
      readonly mount: string;
      roleId(): Promise<Secret>;
      secretId(): Promise<Secret>;
    }
  | {
      readonly method: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      token(): Promise<Secret>;
    };

export interface VaultOptions {
  readonly address: string;
  readonly namespace?: string | undefined;
  readonly login: VaultLogin;
  /** How long a value is used before it is asked for again. */
  readonly keepMs: number;
  readonly clock: Clock;
}

const TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
/** A lease is renewed once this share of it is over, so that a failed renewal leaves time for a new login. */
const RENEW_SHARE = 2 / 3;

interface Session {
  readonly token: string;
  readonly renewable: boolean;
  /** Epoch ms; infinite for a token that does not end. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

/**
 * HashiCorp Vault's HTTP API, secrets engine KV version 2: `vault:mount/path#field`, with `@previous` or `@7` for another
 * version than the current. States of the session: none → logging in → held → (two thirds of its lease over) renewed, or
 * logged in anew. One login and one question at a time for each path, whoever asks; nothing survives a restart.
 */
export function vaultManager(options: VaultOptions): SecretManager {
  const { clock, login } = options;
  const base = options.address.replace(/\/+$/, '');
  const agent = new Agent({
    connect: { timeout: TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const answers = new KeptValues<Readonly<Record<string, unknown>>>(clock, options.keepMs);
  let session: Session | undefined;
  let flight: Promise<Session> | undefined;

  return {
    close: () => agent.close(),
    read: async (location, isFresh) => {
      const { reference, path, field, version } = location;
      const number = version === 'previous' ? (await current(location)) - 1 : version;
      if (number !== undefined && number < 1)
        throw new SecretUnavailableError(
          'SECRET_NOT_FOUND',
          reference,
          'there is no version before the first',
        );
      const data = await answers.get(`${path}@${number ?? ''}`, isFresh, () => fetched(location, number));
      const value = field !== undefined && Object.hasOwn(data, field) ? data[field] : undefined;
      if (typeof value === 'string') return value;
      throw new SecretUnavailableError(
        'SECRET_NOT_FOUND',
        reference,
        `it has no text under \`${field ?? ''}\``,
      );
    },
  };

  async function fetched(location: SecretLocation, version: number | undefined) {
    const [mount = '', ...rest] = location.path.split('/');
    const search = version === undefined ? '' : `?version=${version}`;
    const answer = await known(location, 'GET', `${mount}/data/${rest.join('/')}${search}`);
    const { data } = isObject(answer['data']) ? answer['data'] : {};
    if (!isObject(data)) throw missing(location);
    return data;
  }

  async function current(location: SecretLocation): Promise<number> {
    const [mount = '', ...rest] = location.path.split('/');
    const answer = await known(location, 'GET', `${mount}/metadata/${rest.join('/')}`);
    const { current_version: version } = isObject(answer['data']) ? answer['data'] : {};
    if (typeof version !== 'number') throw missing(location);
    return version;
  }

  /** Asks as somebody; a token that is refused may have been revoked, so one login later it is asked once more. */
  async function known(location: SecretLocation, method: 'GET' | 'POST', path: string) {
    const held = await somebody(location.reference);
    const first = await ask(location.reference, method, path, held.token);
    if (first.status !== 403) return judged(location, first);
    if (session === held) session = undefined;
    const again = await somebody(location.reference);
    return judged(
      location,
      again === held ? first : await ask(location.reference, method, path, again.token),
    );
  }

  function somebody(reference: string): Promise<Session> {
    const held = session;
    const now = clock.now();
    if (held !== undefined && now < held.renewAtMs) return Promise.resolve(held);
    flight ??= renewed(reference, held?.renewable === true && now < held.endsAtMs ? held : undefined)
      .then((made) => {
        session = made;
        return made;
      })
      .finally(() => {
        flight = undefined;
      });
    return flight;
  }

  async function renewed(reference: string, held: Session | undefined): Promise<Session> {
    if (held !== undefined) {
      const answer = await ask(reference, 'POST', 'auth/token/renew-self', held.token, {}).catch(
        () => undefined,
      );
      const next = answer?.status === 200 ? sessionOf(answer.body, held.token) : undefined;
      if (next !== undefined) return next;
    }
    return loggedIn(reference);
  }

  async function loggedIn(reference: string): Promise<Session> {
    if (login.method === 'token') {
      const token = (await login.token()).reveal();
      const answer = await ask(reference, 'GET', 'auth/token/lookup-self', token);
      if (answer.status !== 200) throw refused(reference, answer.status);
      const { ttl, renewable } = isObject(answer.body['data']) ? answer.body['data'] : {};
      return lease(token, typeof ttl === 'number' ? ttl : 0, renewable === true);
    }
    const proof =
      login.method === 'appRole'
        ? {
            role_id: (await login.roleId()).reveal(),
            secret_id: (await login.secretId()).reveal(),
          }
        : { role: login.role, jwt: (await login.token()).reveal() };
    const answer = await ask(reference, 'POST', `auth/${login.mount}/login`, undefined, proof);
    const made = answer.status === 200 ? sessionOf(answer.body) : undefined;
    if (made === undefined) throw refused(reference, answer.status);
    return made;
  }

  function sessionOf(body: Readonly<Record<string, unknown>>, before?: string): Session | undefined {
    const auth = isObject(body['auth']) ? body['auth'] : {};
    const token = typeof auth['client_token'] === 'string' ? auth['client_token'] : before;
    const seconds = auth['lease_duration'];
    if (token === undefined || typeof seconds !== 'number') return undefined;
    return lease(token, seconds, auth['renewable'] === true);
  }

  /** A lease of no length is a token that does not end. */
  function lease(token: string, seconds: number, renewable: boolean): Session {
    const now = clock.now();
    const lifeMs = seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 1_000;
    return { token, renewable, renewAtMs: now + lifeMs * RENEW_SHARE, endsAtMs: now + lifeMs };
  }

  async function ask(
    reference: string,
    method: 'GET' | 'POST',
    path: string,
    token: string | undefined,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
    try {
      const response = await request(`${base}/v1/${path}`, {
        dispatcher: agent,
        method,
        headers: {
          'x-vault-request': 'true',
          ...(token !== undefined && { 'x-vault-token': token }),
          ...(options.namespace !== undefined && { 'x-vault-namespace': options.namespace }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of response.body) {
        size += chunk.byteLength;
        if (size > ANSWER_BYTES_MAX) throw new Error('the answer is too large');
        chunks.push(chunk);
      }
      const text = Buffer.concat(chunks).toString('utf8');
      const value: unknown = text === '' ? {} : JSON.parse(text);
      return { status: response.statusCode, body: isObject(value) ? value : {} };
    } catch {
      // What was thrown may quote the address or the answer.
      throw new SecretUnavailableError(
        'SECRET_STORE_UNAVAILABLE',
        reference,
        'the vault cannot be reached, or what answers is none',
        true,
      );
    }
  }
}

function judged(
  location: SecretLocation,
  answer: { status: number; body: Readonly<Record<string, unknown>> },
) {
  if (answer.status === 200) return answer.body;
  if (answer.status === 404) throw missing(location);
  throw refused(location.reference, answer.status);
}

function missing({ reference }: SecretLocation): SecretUnavailableError {
  return new SecretUnavailableError('SECRET_NOT_FOUND', reference, 'the vault has nothing there');
}

/** Sealed, standby, too busy: 429 and 5xx pass; anything else is an answer about us. */
function refused(reference: string, status: number): SecretUnavailableError {
  const passes = status >= 500 || status === 429 || (status >= 300 && status < 400);
  const code: ConnectorFailureCode = passes ? 'SECRET_STORE_UNAVAILABLE' : 'SECRET_STORE_REFUSED';
  return new SecretUnavailableError(code, reference, `the vault answered ${status}`, passes);
}
