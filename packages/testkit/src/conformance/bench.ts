import {
  type AuthScheme,
  type CallRequest,
  type CallResult,
  type ConnectionConfig,
  type GuardOptions,
  guardedTransport,
  httpTransport,
  inSandbox,
  type OperationDefaults,
  type OperationManifest,
  type OperationPlan,
  pages,
  type TokenVault,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { HttpOperation, Operation } from '@tenon/contract';
import { compileExpression, parseTemplate } from '@tenon/expression';
import {
  atPointer,
  type Failure,
  fromPointer,
  isObject,
  type Json,
  type JsonObject,
  type Random,
  type SteadyClock,
  toPointer,
  unmetPointers,
} from '@tenon/model';
import { planOperation } from '@tenon/pipeline';
import type { AppliedEffect, SeenRequest } from '../sandbox/journal.ts';
import type { Role } from '../sandbox/resources.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { canarySecrets, trialConnection, withoutCertificates } from '../trial-connection.ts';
import { exampleInput, inputValidator } from './example-input.ts';
import type { Subject } from './subject.ts';

/** One operation of the connector: what contract and manifest say of it, joined. */
export interface BenchOperation {
  readonly name: string;
  readonly declared: OperationManifest;
  readonly plan: OperationPlan;
  readonly operation: Operation;
  /** What it does to the sandbox's rows; absent where the contract is not HTTP. */
  readonly role?: Role;
}

/** What calls go to. */
export interface BenchTarget {
  readonly url: string;
  /** The contract-true sandbox; absent for a real system. */
  readonly sandbox?: Sandbox;
  readonly roles: ReadonlyMap<string, Role>;
  /** No host but that of `url` may be called, not even for tokens. */
  readonly isAlone: boolean;
  /** A real connection's own credentials; the kit's canaries otherwise. */
  readonly connection?: ConnectionConfig;
  readonly secrets?: TransportContext['secrets'];
  /** Its own, too. */
  readonly tokens?: TokenVault;
}

export interface TransportOptions extends Partial<Pick<GuardOptions, 'grants' | 'scopes' | 'onDeprecation'>> {
  readonly baseUrl?: string;
  /** Proves its calls by this scheme in place of the one that the connector prefers. */
  readonly scheme?: AuthScheme;
  /** The declared quota holds too. Otherwise the kit calls as often as it likes. */
  readonly rateLimit?: OperationDefaults['rateLimit'];
}

export interface Unproven {
  readonly operation: string;
  readonly failure: Failure;
}

/** Longest a call of the kit may take before the kit itself gives up on it. */
const PATIENCE_MS = 20_000;
const CALL_TIMEOUT_MS = 15_000;
/** The first request of a busy process takes longer than one later. */
const SETTLED_MS = 300;

/** A connector under test, joined to its contract and pointed at a target; every transport made is closed at the end. */
export class Bench {
  readonly subject: Subject;
  readonly target: BenchTarget;
  readonly clock: SteadyClock;
  readonly random: Random;
  readonly operations: readonly BenchOperation[];
  #open: Transport[] = [];
  #vault = new Map<string, string>();
  #main: Transport | undefined;
  #ready = new Map<string, JsonObject>();
  #unproven: Promise<Unproven | undefined> | undefined;

  constructor(
    subject: Subject,
    target: BenchTarget,
    ports: { readonly clock: SteadyClock; readonly random: Random },
  ) {
    this.subject = subject;
    this.target = target;
    this.clock = ports.clock;
    this.random = ports.random;
    this.operations = joined(subject, target);
  }

  get reads(): readonly BenchOperation[] {
    return this.operations.filter(({ declared }) => declared.effect === 'read');
  }

  get effects(): readonly BenchOperation[] {
    return this.operations.filter(({ declared }) => declared.effect !== 'read');
  }

  /**
   * For checks against a peer that gives no tokens either: every operation as if it had its token, and the first one
   * without, since fetching the token must keep to the same rules.
   */
  get tokened(): readonly BenchOperation[] {
    const isOAuth = this.subject.manifest.auth[0]?.type === 'oauth2';
    if (!isOAuth) return this.operations;
    const bare = this.operations.map((operation) => ({
      ...operation,
      plan: { ...operation.plan, auth: [] },
    }));
    return [...bare, ...this.operations.slice(0, 1)];
  }

  /** The sandbox; only checks that need it ask. */
  get sandbox(): Sandbox {
    if (this.target.sandbox === undefined) throw new Error('this check needs the sandbox');
    return this.target.sandbox;
  }

  find(name: string): BenchOperation | undefined {
    return this.operations.find((operation) => operation.name === name);
  }

  /** As at the beginning: sandbox reset, no transports, no kept tokens. */
  async reset(): Promise<void> {
    const open = this.#open;
    this.#open = [];
    this.#main = undefined;
    this.#ready = new Map();
    this.#vault = new Map();
    await Promise.all(open.map((transport) => transport.close().catch(() => {})));
    this.target.sandbox?.reset();
  }

  /** The sandbox as at the beginning; transports and tokens stay, since making them anew each time takes longest. */
  again(): void {
    this.#ready = new Map();
    this.target.sandbox?.reset({ keepTokens: true });
  }

  /** Waits until what was sent uncalled, in the background, has arrived. */
  async settled(): Promise<void> {
    await new Promise<void>((resolve) => void this.clock.setTimer(SETTLED_MS, resolve));
  }

  /** Input as `prepared` makes it, once: for calls that are answered before they have any effect. No fault is left over. */
  async ready(operation: BenchOperation): Promise<JsonObject> {
    this.target.sandbox?.faults.clear();
    const known = this.#ready.get(operation.name);
    if (known !== undefined) return known;
    const made = await this.prepared(operation);
    this.#ready.set(operation.name, made);
    return made;
  }

  /** A transport as the runtime would make it: the connector's own or HTTP, guarded as the manifest declares. */
  transport(options: TransportOptions = {}): Transport {
    const { manifest, module } = this.subject;
    const connection = {
      ...this.connection(options.scheme),
      ...(options.baseUrl && { baseUrl: options.baseUrl }),
    };
    const context: TransportContext = {
      connection,
      secrets: this.target.secrets ?? canarySecrets,
      clock: this.clock,
      random: this.random,
      tokens: this.target.tokens ?? this.#tokens(),
    };
    const make = module.transports?.[manifest.transport];
    if (manifest.transport !== 'http' && make === undefined)
      throw new Error(
        `the manifest says transport: ${manifest.transport}, and its code exports no such transport`,
      );
    const bare = make ? make(context) : httpTransport(context, { classify: module.classify });
    const { rateLimit: _quota, breaker: _breaker, ...rest } = manifest.defaults;
    const policy = { ...rest, ...(options.rateLimit && { rateLimit: options.rateLimit }) };
    const made = guardedTransport(bare, policy, {
      clock: this.clock,
      connection: connection.name,
      grants: options.grants ?? 'all',
      scopes: options.scopes,
      ...(options.onDeprecation && { onDeprecation: options.onDeprecation }),
    });
    this.#open.push(made);
    return made;
  }

  /** One call over the bench's transport. Never rejects, and ends within the kit's patience whatever the connector does. */
  async call(
    operation: BenchOperation,
    input: JsonObject,
    change: Partial<CallRequest> & { readonly over?: Transport } = {},
  ): Promise<CallResult> {
    const { over, ...rest } = change;
    this.#main ??= over ?? this.transport();
    const { [VERSION_KEY]: version, ...sent } = input;
    const request: CallRequest = {
      operation: operation.plan,
      input: sent,
      ...(typeof version === 'string' && { ifMatch: version }),
      idempotencyKey: `key-${operation.name}`,
      ...rest,
    };
    return this.#patiently((over ?? this.#main).call(request));
  }

  /** The failure of a read that never went out since no credential or token was to be had; asked for once in a run. */
  unproven(): Promise<Unproven | undefined> {
    this.#unproven ??= this.#prove();
    return this.#unproven;
  }

  async #prove(): Promise<Unproven | undefined> {
    const [read] = this.reads;
    if (read === undefined) return undefined;
    const result = await this.call(read, exampleInput(this.subject, read, 0));
    if (result.ok || result.failure.delivery !== 'notSent' || !result.failure.code.startsWith('AUTH_'))
      return undefined;
    return { operation: read.name, failure: result.failure };
  }

  /**
   * Input for a call that should work, the `n`-th of its kind: its own example; the id of a thing that exists (made by
   * the contract's own creation where there is one); the version read, where a write carries one.
   */
  async prepared(operation: BenchOperation, n = 0): Promise<JsonObject> {
    const base = exampleInput(this.subject, operation, n);
    const { role } = operation;
    const place = itemPlace(operation);
    const isGiven =
      place !== undefined &&
      atPointer(this.subject.fixtures.inputs[operation.name] ?? {}, place) !== undefined &&
      role?.by === undefined;
    if (role === undefined || place === undefined || role.kind === 'list' || isGiven)
      return this.#versioned(operation, base);
    const made = await this.#thing(role, n);
    if (made === undefined)
      return this.#versioned(operation, n === 0 ? base : elsewhere(operation, base, place, n));
    const about = { ...base, ...made.path };
    return this.#versioned(operation, withAt(about, place, idFor(atPointer(about, place), made.id)));
  }

  /** Makes a thing for `role` to act on; `undefined` where the connector has no creation for its kind. */
  async #thing(
    role: Role,
    n: number,
  ): Promise<{ readonly id: string; readonly path: JsonObject } | undefined> {
    const creation = this.effects.find(
      (candidate) =>
        candidate.role?.kind === 'create' && candidate.role.collection.key === role.collection.key,
    );
    if (creation === undefined || this.target.sandbox === undefined) return undefined;
    const input = await this.prepared(creation, n);
    const before = this.sandbox.effects().length;
    const result = await this.call(creation, input, {
      idempotencyKey: `thing-${creation.name}-${n}-${before}`,
    });
    const effect = this.sandbox.effects().slice(before).at(-1);
    if (!result.ok || effect?.id === undefined) return undefined;
    // The parents of what was made are the parents of what is acted on.
    const path = Object.fromEntries(
      role.scope.flatMap((name) => {
        const value = input[keyOf(creation, name, 'path') ?? name];
        return value === undefined ? [] : [[name, value]];
      }),
    );
    return { id: effect.id, path };
  }

  /** With the version that the thing has now, where the operation takes one. */
  async #versioned(operation: BenchOperation, input: JsonObject): Promise<JsonObject> {
    const key = versionKey(operation);
    if (key === undefined) return input;
    const read = this.readerOf(operation);
    if (read === undefined) return input;
    const result = await this.call(read, this.sameThing(operation, input, read));
    const version = result.ok ? result.headers['etag'] : undefined;
    return version === undefined ? input : { ...input, [key]: version };
  }

  /** The read of the thing that an operation acts on. */
  readerOf({ role }: BenchOperation): BenchOperation | undefined {
    return this.reads.find(
      (candidate) =>
        candidate.role?.kind === 'read' && candidate.role.collection.key === role?.collection.key,
    );
  }

  /** The input by which `other` names what `operation` with `input` named. */
  sameThing(operation: BenchOperation, input: JsonObject, other: BenchOperation): JsonObject {
    const names = [...(other.role?.scope ?? []), other.role?.item].filter((name) => name !== undefined);
    const from = [...(operation.role?.scope ?? []), operation.role?.item].filter(
      (name) => name !== undefined,
    );
    return {
      ...exampleInput(this.subject, other, 0),
      ...Object.fromEntries(
        names.flatMap((name, index) => {
          const value = input[keyOf(operation, from[index] ?? name, 'path') ?? name];
          const key = keyOf(other, name, 'path');
          return value === undefined || key === undefined ? [] : [[key, value]];
        }),
      ),
    };
  }

  /** What became of a call, as the runtime would ask: what was found, null for proven absence, `undefined` for no answer. */
  async probe(operation: BenchOperation, request: JsonObject, key: string): Promise<Json | undefined> {
    const { probe } = operation.declared;
    const read = probe && this.find(probe.operation);
    if (probe === undefined || read === undefined) return undefined;
    const input = Object.fromEntries(
      Object.entries(probe.with).map(([name, value]) => [name, evaluated(value, { request, key })]),
    );
    const expression = compileExpression(probe.found);
    // As the runtime does: absence is proven by the last page alone.
    const asked = { call: (page: CallRequest) => this.call(read, page.input) };
    for await (const page of pages(asked, { operation: read.plan, input })) {
      if (!page.ok) return page.failure.class === 'notFound' ? null : undefined;
      const found = expression.evaluate({ body: page.body, request, key });
      if (!found.ok) return undefined;
      if (found.value === null) continue;
      const unmet = probe.compares ? unmetPointers(request['body'] ?? null, found.value, 1) : [];
      return unmet.length === 0 ? found.value : null;
    }
    return null;
  }

  /** Requests for operations of the contract, without those for tokens. */
  seen(operation?: string): readonly SeenRequest[] {
    return this.sandbox
      .requests()
      .filter((request) =>
        operation === undefined
          ? request.operation !== 'oauth-token' && request.operation !== undefined
          : request.operation === operation,
      );
  }

  applied(operation: string): readonly AppliedEffect[] {
    return this.sandbox.effects().filter((effect) => effect.operation === operation);
  }

  connection(preferred?: AuthScheme): ConnectionConfig {
    if (this.target.connection && preferred === undefined)
      return { ...this.target.connection, baseUrl: this.target.url };
    // Alternatives of a contract are not used together: the first is the one that the connector prefers.
    return trialConnection(this.subject.manifest, this.target.url, preferred);
  }

  #tokens(): TokenVault {
    return {
      load: async (key) => this.#vault.get(key),
      save: async (key, value) => void this.#vault.set(key, value),
    };
  }

  /** A connector that rejects, or never ends, is judged for it and does not stop the kit. */
  #patiently(result: Promise<CallResult>): Promise<CallResult> {
    return new Promise((resolve) => {
      const stop = this.clock.setTimer(PATIENCE_MS, () =>
        resolve(broken('KIT_CALL_ENDLESS', 'the call did not end')),
      );
      result
        .then(resolve, (error: unknown) =>
          resolve(broken('KIT_CALL_REJECTED', `the transport rejected: ${String(error)}`)),
        )
        .finally(stop);
    });
  }
}

function broken(code: string, message: string): CallResult {
  return { ok: false, failure: { class: 'unknown', code, message, delivery: 'lost' } };
}

function joined(subject: Subject, { roles, isAlone }: BenchTarget): BenchOperation[] {
  const { contract, manifest } = subject;
  return Object.entries(manifest.operations).flatMap(([name, declared]) => {
    const operation = contract.operations.get(name);
    const planned = planOperation(contract, manifest, name);
    const made = planned && isAlone ? inSandbox(planned) : planned;
    // One object for all calls: validators are compiled once for each plan.
    const plan = made && {
      ...made,
      auth: withoutCertificates(made.auth),
      timeoutMs: Math.min(made.timeoutMs, CALL_TIMEOUT_MS),
    };
    const role = roles.get(name);
    return operation && plan ? [{ name, declared, plan, operation, ...(role && { role }) }] : [];
  });
}

/** Key in the input of a parameter. */
export function keyOf({ plan }: BenchOperation, name: string, place: string): string | undefined {
  return (plan.http ?? plan.message)?.parameters.find(
    (field) => field.in === place && field.name.toLowerCase() === name.toLowerCase(),
  )?.key;
}

/** Where in the input the thing is named that the operation acts on: a path parameter, or what the contract says. */
export function itemPlace(operation: BenchOperation): string | undefined {
  const { role } = operation;
  if (role?.by !== undefined) return role.by;
  const key = role?.item === undefined ? undefined : keyOf(operation, role.item, 'path');
  return key === undefined ? undefined : toPointer([key]);
}

/** The input with a value put at a pointer; objects on the way are made where there are none. */
export function withAt(input: JsonObject, pointer: string, value: Json): JsonObject {
  const put = (here: unknown, [token, ...rest]: readonly string[]): Json => {
    if (token === undefined) return value;
    // Part of an input, which is JSON.
    const object = isObject(here) ? (here as JsonObject) : {};
    return { ...object, [token]: put(object[token], rest) };
  };
  // Begun with an object, so it ends as one.
  return put(input, fromPointer(pointer)) as JsonObject;
}

/** Key of the parameter that carries the version a write was made against. */
export function versionKey(operation: BenchOperation): string | undefined {
  if (operation.declared.effect === 'read') return undefined;
  const field = keyOf(operation, 'if-match', 'header');
  if (field !== undefined || operation.declared.concurrency !== 'etag' || !isHttp(operation)) return field;
  const isTaken = operation.operation.parameters.some(
    ({ in: place, name }) => place === 'header' && name.toLowerCase() === 'if-match',
  );
  return isTaken ? VERSION_KEY : undefined;
}

/** Stands in an input of the kit for the version that the runtime sends beside the input. */
const VERSION_KEY = 'if-match (sent beside the input)';

/** The input alone, as the operation's schema has it. */
export function withoutVersion({ [VERSION_KEY]: _version, ...input }: JsonObject): JsonObject {
  return input;
}

export function isHttp(
  operation: BenchOperation,
): operation is BenchOperation & { readonly operation: HttpOperation } {
  return operation.operation.kind === 'http';
}

/** About another thing than the example's: it is imagined, as that one is. */
function elsewhere(operation: BenchOperation, input: JsonObject, place: string, n: number): JsonObject {
  const id = atPointer(input, place);
  const other = withAt(input, place, typeof id === 'number' ? id + n : `${String(id)}-${n}`);
  return inputValidator(operation.plan)(other).length === 0 ? other : input;
}

function idFor(example: unknown, id: string): Json {
  return typeof example === 'number' ? Number(id) : id;
}

/** A value of `with`: a whole `${ }` keeps its type, anything else stays as written. */
function evaluated(value: unknown, scope: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => evaluated(item, scope));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, evaluated(item, scope)]));
  if (typeof value !== 'string')
    return typeof value === 'number' || typeof value === 'boolean' ? value : null;
  const { parts } = parseTemplate(value);
  const results = parts.map((part) => {
    if (part.kind !== 'expression') return part.text;
    const result = compileExpression(part.expression.source).evaluate(scope);
    return result.ok ? result.value : null;
  });
  return results.length === 1 ? results[0]! : results.map(String).join('');
}
