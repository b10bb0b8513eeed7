import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Json } from '@tenon/model';
import type { AppliedEffect } from './journal.ts';
import { strangerRefusal } from './strangers.ts';
import { send } from './wire.ts';

/** What control reaches: an HTTP or a mail sandbox. */
export interface Controlled {
  readonly faults: { list(): readonly unknown[]; remove(id: string): boolean; clear(): void };
  /** Adds a rule that came as JSON; the text says what is wrong with it. */
  addFault(rule: unknown): { readonly id: string } | string;
  /** Adds rows that came as JSON, by resource; the text says what is wrong with them, and then none is added. */
  addRows(rows: unknown): { readonly added: number } | string;
  /** Changes rows that are there, told by their ids; the text says what is wrong with them, and then none is changed. */
  changeRows(rows: unknown): { readonly changed: number } | string;
  state(): unknown;
  effects(): readonly AppliedEffect[];
  requests(): readonly unknown[];
  revokeTokens(): void;
  reset(): void;
}

export interface ControlRequest {
  readonly method: string;
  readonly url: URL;
  readonly bytes: Uint8Array | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
}

const PREFIX = '/_sandbox';

/** Control lives under a path of its own; a contract that claims it is refused at the start. */
export function isControlPath(pathname: string): boolean {
  return pathname === PREFIX || pathname.startsWith(`${PREFIX}/`);
}

/**
 * The controls over HTTP, for a sandbox in another process: `GET state|effects|requests|faults`, `POST faults` (a
 * rule), `POST rows` (more, by resource), `PATCH rows` (changes), `DELETE faults` and `faults/{id}`, `POST reset`, `POST
 * revoke-tokens`.
 */
export function control(request: ControlRequest, target: Controlled): void {
  const { status, body } = decide(request, target);
  // Everything told here is plain data; a round trip drops what JSON cannot hold.
  const json = body === undefined ? undefined : (JSON.parse(JSON.stringify(body)) as Json);
  send(request.response, {
    status,
    headers: { 'cache-control': 'no-store' },
    mediaType: 'application/json',
    ...(json !== undefined && { body: json }),
  });
}

function decide({ method, url, bytes, headers }: ControlRequest, target: Controlled): Said {
  const refusal = strangerRefusal(headers, 'control');
  if (refusal !== undefined) return { status: 403, body: { error: `control is for loopback: ${refusal}` } };
  const [what = '', id] = url.pathname.slice(PREFIX.length + 1).split('/');
  const run = CONTROLS[`${method} ${what}${id === undefined ? '' : '/{id}'}`];
  if (run === undefined)
    return { status: 404, body: { error: 'no such control', controls: Object.keys(CONTROLS) } };
  return run(target, { id: id ?? '', text: Buffer.from(bytes ?? []).toString('utf8') });
}

interface Said {
  readonly status: number;
  readonly body?: unknown;
}

const CONTROLS: Readonly<
  Record<string, (target: Controlled, request: { id: string; text: string }) => Said>
> = {
  'get state': (target) => ({ status: 200, body: target.state() }),
  'get effects': (target) => ({ status: 200, body: target.effects() }),
  'get requests': (target) => ({ status: 200, body: target.requests() }),
  'get faults': (target) => ({ status: 200, body: target.faults.list() }),
  'post faults': (target, { text }) => {
    const added = target.addFault(parsed(text));
    return typeof added === 'string'
      ? { status: 400, body: { error: added } }
      : { status: 201, body: { id: added.id } };
  },
  'post rows': (target, { text }) => {
    const added = target.addRows(parsed(text));
    return typeof added === 'string' ? { status: 400, body: { error: added } } : { status: 201, body: added };
  },
  'patch rows': (target, { text }) => {
    const changed = target.changeRows(parsed(text));
    return typeof changed === 'string'
      ? { status: 400, body: { error: changed } }
      : { status: 200, body: changed };
  },
  'delete faults': (target) => {
    target.faults.clear();
    return { status: 204 };
  },
  'delete faults/{id}': (target, { id }) =>
    target.faults.remove(id) ? { status: 204 } : { status: 404, body: { error: `no fault ${id}` } },
  'post reset': (target) => {
    target.reset();
    return { status: 204 };
  },
  'post revoke-tokens': (target) => {
    target.revokeTokens();
    return { status: 204 };
  },
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is not a rule either, and is refused as such.
    return undefined;
  }
}
