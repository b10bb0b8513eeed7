import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject } from '@tenon/model';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { fetchCode } from './fetch-code.ts';

/** Where the token of a workspace's own operator lies; written by `tenon serve` with mode 0600. */
export const TOKEN_FILE = join('.tenon', 'operator.token');
const CALL_TIMEOUT_MS = 30_000;
const NOT_AUTHORISED: ReadonlySet<number> = new Set([401, 403]);

/** Hosts that a token in a file may be sent to. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** A call to a running Tenon that did not succeed. Its code is that of the problem that it answered with, or of the connection that could not be made. */
export class OperationsError extends CommandError {
  declare readonly code: string;
  /** No process answered, and none was told to change anything. */
  readonly isUnreachable: boolean;
  /** What a person has said before, where this one comes too late. */
  readonly before: string | undefined;

  constructor(
    message: string,
    exitCode: ExitCode,
    code: string,
    isUnreachable: boolean = false,
    before?: string,
  ) {
    super(message, exitCode, code);
    this.before = before;
    this.isUnreachable = isUnreachable;
  }
}

/** Speaks to the operations API (`contracts/operations`) of a running `tenon serve` or `tenon dev`. */
export interface OperationsClient {
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<Record<string, unknown>>;
  post(path: string, body: object): Promise<Record<string, unknown>>;
}

export interface ClientTarget {
  readonly root: string;
  readonly url: string;
  /** Who says that address: an option, a variable, a file. */
  readonly saidBy?: string;
}

/** The token comes from `TENON_TOKEN`, else, for an address of this machine, from the file that a local `tenon serve` leaves for its own workspace. */
export async function operationsClient(target: ClientTarget, io: Io): Promise<OperationsClient> {
  const token = io.env['TENON_TOKEN'] ?? (await localToken(target));
  const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    let response: Response;
    try {
      response = await fetch(new URL(path, target.url), {
        method,
        headers: {
          authorization: `Bearer ${token.trim()}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        // Followed, it would take the token along.
        redirect: 'manual',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
    } catch (error) {
      throw unanswered(error, method, target);
    }
    if (response.status === 204) return {};
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok && isObject(answer)) return answer;
    const problem = isObject(answer) ? answer : {};
    if (problem['title'] === undefined && (response.status < 400 || response.status >= 500))
      throw otherThanTenon(response, method, target);
    const words =
      problem['code'] === 'ACCESS_TOKEN_MISSING'
        ? unknownWords(token, target, io)
        : [problem['title'] ?? `HTTP ${response.status}`, problem['detail']].filter(Boolean).join(': ');
    throw new OperationsError(
      problem['code'] ? `${words} (${problem['code']})` : words,
      NOT_AUTHORISED.has(response.status) || problem['code'] === 'ACCESS_GUESSES_LIMITED'
        ? exit.notAuthorised
        : exit.failed,
      typeof problem['code'] === 'string' ? problem['code'] : 'HTTP_RESPONSE_STATUS',
      false,
      typeof problem['before'] === 'string' ? problem['before'] : undefined,
    );
  };
  return {
    get: (path, query = {}) => {
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
      return call('GET', search.size > 0 ? `${path}?${search}` : path);
    },
    post: (path, body) => call('POST', path, body),
  };
}

/** The server's words are for programs that send headers; whoever calls here has set a variable, or not. */
function unknownWords(token: string, { url, root }: ClientTarget, { env }: Io): string {
  const what =
    env['TENON_TOKEN'] !== undefined
      ? 'TENON_TOKEN is not the token of an operator there'
      : token === ''
        ? 'TENON_TOKEN is not set'
        : `TENON_TOKEN is not set, and the token in ${join(root, TOKEN_FILE)} is not one of an operator there`;
  return `the Tenon at ${url} does not know who asks: ${what}`;
}

/** No answer that a Tenon gives: something else answers there, or stands between and has lost what came back. */
function otherThanTenon(
  { status, headers }: Response,
  method: string,
  target: ClientTarget,
): OperationsError {
  const place = placeOf(target);
  const way = headers.get('location');
  if (status >= 300 && status < 400 && way !== null)
    return new OperationsError(
      `what answers at ${place} is no Tenon: it leads on to ${way}; give the address itself with --url`,
      exit.failed,
      'HTTP_REDIRECT_REFUSED',
    );
  return new OperationsError(
    method === 'GET'
      ? `what answers at ${place} does not answer as a Tenon: HTTP ${status}; name another with --url`
      : `the Tenon at ${place} ${notKnown(`was not heard (HTTP ${status})`)}`,
    exit.failed,
    'HTTP_RESPONSE_STATUS',
  );
}

function placeOf({ url, saidBy }: ClientTarget): string {
  return saidBy === undefined ? url : `${url} (${saidBy})`;
}

function notKnown(why: string): string {
  return `${why}: whether it did what was asked is not known; look before you ask again`;
}

/** One sentence: what is wrong, what was tried, what to do. A change that was sent and not answered may have been made. */
function unanswered(error: unknown, method: string, target: ClientTarget): OperationsError {
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  const known = fetchCode(error);
  const code = isLate ? 'HTTP_CALL_TIMEOUT' : (known ?? 'HTTP_CONNECTION_FAILED');
  const place = placeOf(target);
  const what = method === 'GET' ? '' : 'nothing was changed; ';
  if (known !== undefined && DISTRUST.test(known))
    return new OperationsError(
      `who answers at ${place} is not trusted: ${known}; ${what}NODE_EXTRA_CA_CERTS names the file of an authority of your own`,
      exit.failed,
      known,
    );
  if (method !== 'GET' && (isLate || (known !== undefined && !NOT_SENT.has(known)))) {
    const why = isLate ? `did not answer within ${CALL_TIMEOUT_MS / 1_000} s` : `broke off (${known})`;
    return new OperationsError(`the Tenon at ${place} ${notKnown(why)}`, exit.failed, code);
  }
  const why = isLate ? `, after ${CALL_TIMEOUT_MS / 1_000} s` : known === undefined ? '' : `: ${known}`;
  const message = `no Tenon answers at ${place}${why}; ${what}start it with \`tenon serve\`, or name another with --url`;
  return new OperationsError(message, exit.failed, code, true);
}

/** Of its certificate, before anything has gone out. */
const DISTRUST =
  /^(?:CERT_|ERR_TLS_CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER))/;

/** With these nothing has gone out. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ERR_INVALID_URL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The workspace's own token is for the Tenon beside it: whoever is named with `--url` elsewhere does not get it. */
async function localToken({ root, url }: ClientTarget): Promise<string> {
  if (!URL.canParse(url) || !LOOPBACK.test(new URL(url).hostname)) return '';
  return readFile(join(root, TOKEN_FILE), 'utf8').catch(() => '');
}
