import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Contract } from '@tenon/contract';
import {
  atPointer,
  type Clock,
  digestOf,
  type JsonObject,
  seededRandom,
  sleep,
  systemClock,
} from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { type Answer, declares, type Refusal, refusal } from './answer.ts';
import { readBody } from './body.ts';
import { contractSchemas, type SchemaSide } from './contract-schemas.ts';
import { type Controlled, control, isControlPath } from './control.ts';
import { composes, type Fault, FaultBook, parseFaultRule } from './faults.ts';
import { KeyedAnswers, keyHeaderOf } from './idempotency.ts';
import { type AppliedEffect, Journal, type SeenRequest } from './journal.ts';
import { CHANGE_STAMPS, insert, merge, replaceRow, stamps } from './make-row.ts';
import { pathFits, readParameters } from './parameters.ts';
import { nextVersion, perform } from './perform.ts';
import { precondition } from './preconditions.ts';
import { withoutCredentials } from './recorded-body.ts';
import { type Collection, deriveRoles } from './resources.ts';
import { type Route, router } from './routes.ts';
import { type Rows, readRows, type Unfit, untaken } from './rows.ts';
import type { SandboxOptions } from './sandbox.ts';
import { Gatekeeper } from './security.ts';
import { own } from './shape.ts';
import { type Row, Store } from './store.ts';
import { strangerRefusal } from './strangers.ts';
import { type Unsaid, unsaid } from './unsaid.ts';
import { addressOf, answerAside, plainHeaders, readBytes, send } from './wire.ts';
import type { ValidRequest, World } from './world.ts';

/** A thing as it was before a request and is after it; absent where it was not there, and where the operation names none. */
export interface Change {
  /** `SeenRequest.sequence`. */
  readonly request: number;
  readonly operation: string;
  readonly resource: string;
  readonly id?: string;
  readonly before?: JsonObject;
  readonly after?: JsonObject;
}

export interface EngineOptions extends SandboxOptions {
  /** Told of each effect, with what it changed. */
  readonly onChange?: (change: Change) => void;
  /** What is so of a thing as an operation makes it, where the request does not say otherwise; default: what is made up. */
  readonly made?: (operation: string) => JsonObject;
}

/** A request, read whole. Lower-case method and header names. */
export interface ServedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer<ArrayBuffer> | undefined;
}

/** `fault` spoils the answer. `made`: what would have been answered, of a request that was carried out. */
export type Reply =
  | { readonly answer: Answer; readonly fault?: Fault; readonly made?: Answer }
  | { readonly lost: 'dropped' | 'hangs'; readonly made?: Answer };

/** The operation name under which faults strike the token endpoint. */
export const TOKEN_OPERATION = 'oauth-token';

/**
 * One request goes: seen → struck by faults (latency, then what comes before the effect) → admitted → read and checked
 * → known key? the stored answer → performed, in one synchronous step → struck by faults after the effect → answered.
 */
export class Engine implements Controlled {
  readonly faults: FaultBook;
  readonly journal: Journal;
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #world: World;
  readonly #roles: ReturnType<typeof deriveRoles>;
  readonly #router: ReturnType<typeof router>;
  readonly #collections: ReadonlyMap<string, Collection>;
  readonly #answers: KeyedAnswers;
  readonly #stopped = new AbortController();
  #gate: Gatekeeper;

  constructor(options: EngineOptions) {
    const { contract, manifest, clock = systemClock, seed = 1 } = options;
    this.#options = options;
    this.#clock = clock;
    this.#seed = seed;
    refuseControlPaths(contract);
    const schemas = contractSchemas(contract);
    this.#roles = deriveRoles(contract, schemas.response);
    this.#router = router(contract);
    this.#collections = new Map(
      [...this.#roles.values()].map(({ collection }) => [collection.key, collection]),
    );
    this.#world = {
      schemas,
      store: new Store(),
      clock,
      seed,
      imagine: options.imagine ?? false,
      ...(manifest !== undefined && { manifest }),
      made: options.made ?? (() => ({})),
      collection: (key) => this.#collections.get(key),
    };
    this.faults = new FaultBook(seededRandom(seed));
    this.journal = new Journal(clock);
    this.#answers = new KeyedAnswers(clock);
    this.#gate = this.#newGate();
    this.#fill();
  }

  state(): Readonly<Record<string, readonly JsonObject[]>> {
    return this.#world.store.snapshot();
  }

  effects(): readonly AppliedEffect[] {
    return this.journal.effects();
  }

  requests(): readonly SeenRequest[] {
    return this.journal.requests();
  }

  /** The collection of which an operation lists rows, as rows are given by it; `undefined`: it lists none. */
  listed(operation: string): string | undefined {
    const role = this.#roles.get(operation);
    return role?.kind === 'list' ? role.collection.name : undefined;
  }

  unsaid(): readonly Unsaid[] {
    const { contract, manifest } = this.#options;
    return [...contract.operations.values()].flatMap((operation) => {
      const declared = own(manifest?.operations, operation.id);
      const role = this.#roles.get(operation.id);
      if (operation.kind !== 'http' || role === undefined || (manifest && !declared)) return [];
      const words = unsaid(operation, role, declared?.effect);
      return words === undefined ? [] : [{ operation: operation.id, words }];
    });
  }

  addFault(rule: unknown): { readonly id: string } | string {
    const parsed = parseFaultRule(rule);
    return typeof parsed === 'string' ? parsed : this.faults.add(parsed);
  }

  addRows(rows: unknown): { readonly added: number } | string {
    const added = this.#allOrNone(rows, (collection, given) => this.#take(collection, given));
    return typeof added === 'string' ? added : { added };
  }

  changeRows(rows: unknown): { readonly changed: number } | string {
    const changed = this.#allOrNone(rows, (collection, given) => this.#change(collection, given));
    return typeof changed === 'string' ? changed : { changed };
  }

  revokeTokens(): void {
    this.#gate.revokeTokens();
  }

  /** `data`: other rows to begin with, this time. */
  reset(options: { readonly keepTokens?: boolean; readonly data?: Rows } = {}): void {
    this.#world.store.clear();
    this.#answers.clear();
    this.journal.clear();
    this.faults.clear();
    if (options.keepTokens !== true) this.#gate = this.#newGate();
    this.#fill(options.data);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const stranger = strangerRefusal(request.headers, 'contract');
    if (stranger !== undefined) return answerAside(response, 403, `a sandbox is for loopback: ${stranger}`);
    const address = addressOf(request);
    if (address === undefined) return answerAside(response, 400, 'the address cannot be read');
    const url: URL = address;
    const bytes = await readBytes(request);
    const method = (request.method ?? 'GET').toLowerCase();
    if (isControlPath(url.pathname))
      return control({ method, url, bytes, headers: request.headers, response }, this);
    const reply = await this.serve({ method, url, headers: plainHeaders(request), bytes });
    if ('answer' in reply) send(response, reply.answer, reply.fault);
    // `hangs`: nothing is said, the connection stays open until the caller or the sandbox ends it.
    else if (reply.lost === 'dropped') response.socket?.destroy();
  }

  /** What becomes of a request, whatever it came over. `bytes` absent: there were too many. */
  async serve({ method, url, headers, bytes }: ServedRequest): Promise<Reply> {
    const path = this.#gate.shownPath(url);
    const record = this.journal.seen({ method, path, headers, hidden: this.#gate.hiddenHeaders() });

    const isToken = method === 'post' && this.#gate.isTokenPath(url.pathname);
    const match = isToken
      ? undefined
      : this.#router.match(method, url.pathname, (route) => pathFits(route, this.#world.schemas.request));
    const operation = match?.kind === 'found' ? match.route.operation : undefined;
    const name = isToken ? TOKEN_OPERATION : operation?.id;
    if (name !== undefined) record.operation = name;
    const struck = name === undefined ? [] : this.faults.strike(name, headers);
    record.faults = struck.map(({ kind }) => kind);
    for (const fault of struck)
      if (fault.kind === 'latency') await sleep(this.#clock, fault.ms, this.#stopped.signal);
    const fault = struck.find((one) => !composes(one));
    const grown = Object.assign({}, ...struck.map((one) => (one.kind === 'headers' ? one.headers : {})));

    if (fault !== undefined && !appliesEffect(fault)) {
      if (fault.kind === 'status')
        return answer(this.#statusAnswer(fault, match?.kind === 'found' ? match.route : undefined));
      return { lost: fault.kind === 'dropBefore' ? 'dropped' : 'hangs' };
    }
    const made = bytes === undefined ? this.#refuse(undefined, TOO_LARGE) : await make(this);
    if (fault?.kind === 'dropAfter') return { lost: 'dropped', made };
    if (fault?.kind === 'hang') return { lost: 'hangs', made };
    if (fault?.kind === 'status')
      return answer(this.#statusAnswer(fault, match?.kind === 'found' ? match.route : undefined), made);
    return answer(made, made);

    function answer(sent: Answer, carriedOut?: Answer): Reply {
      record.status = sent.status;
      const whole = { ...sent, headers: { ...sent.headers, ...grown } };
      return {
        answer: whole,
        ...(fault !== undefined && { fault }),
        ...(carriedOut !== undefined && { made: carriedOut }),
      };
    }

    async function make(engine: Engine): Promise<Answer> {
      if (isToken) return engine.#token(bytes!, headers);
      if (match?.kind === 'wrongMethod')
        return engine.#refuse(undefined, { ...WRONG_METHOD, headers: { allow: match.allowed.join(', ') } });
      if (match?.kind !== 'found') return engine.#refuse(undefined, NO_PATH);
      return engine.#operate(match.route, { url, headers, bytes: bytes! }, record);
    }
  }

  async #operate(
    route: Route,
    raw: {
      readonly url: URL;
      readonly headers: Readonly<Record<string, string>>;
      readonly bytes: Buffer<ArrayBuffer>;
    },
    record: { readonly sequence: number; body?: SeenRequest['body']; replayed: boolean },
  ): Promise<Answer> {
    const { operation, path } = route;
    const side = this.#world.schemas.request;
    const unread = { path, query: raw.url.searchParams, headers: raw.headers };
    const admission = this.#gate.admit(operation, unread);
    if (!admission.ok) {
      const { status, message, challenge } = admission;
      const headers: Record<string, string> =
        challenge === undefined ? {} : { 'www-authenticate': challenge };
      return this.#refuse(operation, {
        status,
        code: status === 401 ? 'unauthorized' : 'forbidden',
        message,
        headers,
      });
    }
    const parameters = readParameters(operation, unread, side);
    const body = readBody(operation, raw.bytes, raw.headers['content-type'], side);
    if (!body.ok && body.why !== 'invalid')
      return this.#refuse(operation, {
        ...BODY_REFUSALS[body.why],
        message: BODY_REFUSALS[body.why].code,
        issues: body.issues,
      });
    if (body.ok && body.value !== undefined)
      record.body = withoutCredentials(body.value, bodySchemas(operation, side), side);
    const issues = [...parameters.issues, ...(body.ok ? [] : body.issues)];
    if (issues.length > 0) {
      const status =
        body.ok || !declares(operation, 422)
          ? declares(operation, 400) || !declares(operation, 422)
            ? 400
            : 422
          : 422;
      const message = issues.map((issue) => `${issue.pointer} ${issue.message}`).join('; ');
      return this.#refuse(operation, { status, code: 'invalid_request', message, issues });
    }
    const role = this.#roles.get(operation.id)!;
    const named =
      role.by === undefined
        ? undefined
        : atPointer({ ...parameters.values, ...(body.ok && { body: body.value }) }, role.by);
    return this.#once(
      {
        operation,
        role,
        url: raw.url,
        path: named === undefined || role.item === undefined ? path : { ...path, [role.item]: String(named) },
        parameters: parameters.values,
        headers: raw.headers,
        ...(body.ok && body.value !== undefined && { body: body.value }),
      },
      record,
    );
  }

  /** Performs the request, unless its idempotency key has been used: then the stored answer is given again. */
  #once(request: ValidRequest, record: { readonly sequence: number; replayed: boolean }): Answer {
    const { operation, headers, path, parameters, body } = request;
    const declared = this.#options.manifest?.operations[operation.id]?.idempotency;
    const header = keyHeaderOf(operation, this.#options.manifest);
    const key = header === undefined ? undefined : headers[header];
    const retentionMs = declared?.mode === 'header' ? declared.retentionMs : undefined;
    // The key itself is a parameter of some contracts: it is the same for a repeat by its nature.
    const digest = digestOf([operation.id, path, body ?? null, withoutHeaders(operation, parameters)]);
    const kept = key === undefined ? undefined : this.#answers.find(operation.id, key, digest, retentionMs);
    if (kept === 'conflict')
      return this.#refuse(operation, {
        ...KEY_REUSED,
        status: !declares(operation, 422) && declares(operation, 409) ? 409 : 422,
      });
    if (kept !== undefined) {
      record.replayed = true;
      return kept;
    }
    const conditional = precondition(request, this.#world);
    if (conditional !== undefined)
      return 'answer' in conditional ? conditional.answer : this.#refuse(operation, conditional.refusal);
    const then = this.#options.onChange && this.#world.store.now();
    const performed = perform(request, this.#world);
    if (!performed.ok) return this.#refuse(operation, performed.refusal);
    if (performed.effect !== undefined) {
      this.#tellChange(record.sequence, operation.id, performed.effect, then);
      this.journal.applied({
        operation: operation.id,
        ...(key !== undefined && { key }),
        ...performed.effect,
      });
      if (key !== undefined) this.#answers.keep(operation.id, key, digest, performed.answer);
    }
    return performed.answer;
  }

  #tellChange(
    request: number,
    operation: string,
    { resource, id }: { readonly resource: string; readonly id?: string },
    then: ReturnType<Store['now']> | undefined,
  ): void {
    if (then === undefined) return;
    const before = id === undefined ? undefined : then(resource, id);
    const after = id === undefined ? undefined : this.#world.store.now()(resource, id);
    this.#options.onChange?.({
      request,
      operation,
      resource,
      ...(id !== undefined && { id }),
      ...(before && { before }),
      ...(after && { after }),
    });
  }

  #token(bytes: Buffer, headers: Readonly<Record<string, string>>): Answer {
    const { status, body } = this.#gate.token(bytes.toString('utf8'), headers['authorization']);
    return { status, headers: { 'cache-control': 'no-store' }, mediaType: 'application/json', body };
  }

  #statusAnswer(fault: Extract<Fault, { kind: 'status' }>, route: Route | undefined): Answer {
    const { status, retryAfterSeconds, body } = fault;
    const headers: Record<string, string> = {
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      ...fault.headers,
    };
    if (body !== undefined) return { status, headers, mediaType: 'application/json', body };
    return this.#refuse(route?.operation, {
      status,
      code: `fault_${status}`,
      message: 'told to answer so by a sandbox fault',
      headers,
    });
  }

  #refuse(operation: Route['operation'] | undefined, refused: Refusal): Answer {
    return refusal(operation, refused, this.#world.schemas.response, this.#seed);
  }

  #newGate(): Gatekeeper {
    const { contract, manifest, credentials, oauth } = this.#options;
    return new Gatekeeper(
      contract,
      manifest,
      { ...(credentials && { credentials }), ...(oauth && { oauth }) },
      this.#clock,
    );
  }

  #fill(data: Rows = this.#options.data ?? {}): void {
    const { onUntaken } = this.#options;
    if (onUntaken !== undefined) {
      const take = this.#each(data, (collection, given) => this.#take(collection, given));
      for (const { words, path } of take) onUntaken(words, path);
      return;
    }
    const unknown = Object.keys(data).find((name) => this.#collectionCalled(name) === undefined);
    if (unknown !== undefined) throw new Error(`sandbox data: ${this.#noResource(unknown)}`);
    for (const [name, rows] of Object.entries(data))
      for (const given of rows) this.#insert(this.#collectionCalled(name)!, given);
  }

  /** Does it with each row, or says why not and leaves all as it was; otherwise how many they were. */
  #allOrNone(rows: unknown, act: OnRow): number | string {
    const read = readRows(rows);
    if (typeof read === 'string') return read;
    const undo = this.#world.store.mark();
    const [refused] = this.#each(read, act);
    if (refused === undefined) return Object.values(read).flat().length;
    undo();
    return refused.words;
  }

  /** Does it with each row, and says in turn of which it could not be done, and why. */
  *#each(data: Rows, act: OnRow): Generator<Untaken, void> {
    for (const [name, rows] of Object.entries(data)) {
      const collection = this.#collectionCalled(name);
      if (collection === undefined) yield { words: this.#noResource(name), path: [name] };
      else
        for (const [index, given] of rows.entries()) {
          const refused = act(collection, given);
          if (refused === undefined) continue;
          const { words, member } = typeof refused === 'string' ? { words: refused } : refused;
          yield {
            words: `\`${name}\`: row ${index + 1}: ${words}`,
            path: [name, index, ...(member === undefined ? [] : [member])],
          };
        }
    }
  }

  /** A text says why it is not taken; then every row is as it was. */
  #take(collection: Collection, given: JsonObject): string | Unfit | undefined {
    const { store } = this.#world;
    const { idProperty } = collection;
    const id = idProperty === undefined ? undefined : own(given, idProperty);
    if (id !== undefined && store.find(collection, [], String(id)) !== undefined)
      return `there is one already with the \`${idProperty}\` ${String(id)}`;
    const undo = store.mark();
    const made = this.#insert(collection, given).value;
    const refused = untaken(given, made, collection.row ?? true, this.#world.schemas.response);
    if (refused !== undefined) undo();
    return refused;
  }

  /** As a call would: times of change and versions go on, unless they are given. A text says why not; what is done is then to be undone. */
  #change(collection: Collection, given: JsonObject): string | Unfit | undefined {
    const { idProperty, name } = collection;
    if (idProperty === undefined) return `rows of \`${name}\` have no id to tell them by`;
    const id = own(given, idProperty);
    if (id === undefined) return `\`${idProperty}\` is needed: it tells which row is meant`;
    const rows = this.#world.store.list(collection, []).filter((row) => row.id === String(id));
    const [row] = rows;
    if (row === undefined) return `there is none with the \`${idProperty}\` ${String(id)}`;
    if (rows.length > 1)
      return `${rows.length} have the \`${idProperty}\` ${String(id)}, each under another parent`;
    const versions = [...this.#options.contract.operations.values()].map((operation) =>
      operation.kind === 'http' && this.#roles.get(operation.id)?.collection.key === collection.key
        ? nextVersion(operation, row, this.#world)
        : {},
    );
    const patch: JsonObject = Object.assign(
      stamps(collection, this.#world, CHANGE_STAMPS),
      ...versions,
      given,
    );
    const same: JsonObject = { [idProperty]: row.value[idProperty] ?? row.id };
    const { value } = replaceRow(collection, row, { ...merge(row.value, patch), ...same }, this.#world);
    return untaken({ ...given, ...same }, value, collection.row ?? true, this.#world.schemas.response);
  }

  #insert(collection: Collection, given: JsonObject): Row {
    return insert({ collection, scope: [] }, [], given, this.#world, 'lean');
  }

  #collectionCalled(name: string): Collection | undefined {
    return [...this.#collections.values()].find((candidate) => candidate.name === name);
  }

  #noResource(name: string): string {
    const known = [...this.#collections.values()].map((candidate) => candidate.name).sort();
    return `${this.#options.contract.name} has no resource "${name}"; it has ${known.join(', ')}`;
  }
}

/** What is done with one row that was given; a text says why it could not be. */
type OnRow = (collection: Collection, given: JsonObject) => string | Unfit | undefined;

/** What could not be taken of rows, and the way to it: resource, number of the row from 0, member, as far as it is one of these. */
export interface Untaken {
  readonly words: string;
  readonly path: readonly (string | number)[];
}

/** Rows that a sandbox of the contract would not show as they are given. */
export function untakenOf(
  options: Pick<SandboxOptions, 'contract' | 'manifest'>,
  data: Rows,
): readonly Untaken[] {
  const found: Untaken[] = [];
  new Engine({ ...options, data, onUntaken: (words, path) => found.push({ words, path }) }).stop();
  return found;
}

const TOO_LARGE: Refusal = {
  status: 413,
  code: 'too_large',
  message: 'the body is larger than a sandbox takes',
};
const WRONG_METHOD: Refusal = {
  status: 405,
  code: 'method_not_allowed',
  message: 'the contract has no such method here',
};
const NO_PATH: Refusal = { status: 404, code: 'no_such_path', message: 'the contract has no such path' };
const KEY_REUSED = { code: 'idempotency_key_reused', message: 'the key was used with another request' };
const BODY_REFUSALS = {
  unsupported: { status: 415, code: 'unsupported_media_type' },
  unreadable: { status: 400, code: 'unreadable_body' },
} as const;

function bodySchemas({ body }: Route['operation'], side: SchemaSide): readonly JsonSchema[] {
  return (body?.content ?? []).flatMap(({ schema }) => (schema === undefined ? [] : [side.of(schema)]));
}

function appliesEffect(fault: Fault): boolean {
  if (fault.kind === 'status' || fault.kind === 'hang') return fault.effect === 'applied';
  return fault.kind !== 'dropBefore';
}

function withoutHeaders(
  operation: Route['operation'],
  parameters: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const headers = operation.parameters
    .filter((parameter) => parameter.in === 'header')
    .map((parameter) => parameter.name);
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !headers.includes(name)));
}

function refuseControlPaths(contract: Contract): void {
  for (const operation of contract.operations.values())
    if (operation.kind === 'http' && isControlPath(operation.path))
      throw new Error(
        `sandbox: ${contract.name} has a path ${operation.path}, which the sandbox needs for its own control`,
      );
}
