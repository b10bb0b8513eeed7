import { type JsonObject, parseByteSize, parseDuration } from '@tenon/model';
import { STREAM_DEFAULTS } from './http/streams.ts';
import type {
  AuthScheme,
  Concurrency,
  ConnectorManifest,
  Effect,
  EnvelopeManifest,
  FailureRule,
  Idempotency,
  MessageManifest,
  OperationDefaults,
  OperationManifest,
  PaginationManifest,
  PollManifest,
  ProbeManifest,
  PublicationManifest,
  ScheduleManifest,
  SourceManifest,
  WebhookManifest,
} from './manifest.ts';

/** `connector.yaml` as written, once its shape has been checked against `connectorSchema`. */
export interface ManifestSource {
  readonly metadata: { readonly name: string; readonly version: string; readonly owner: string };
  readonly contract: string;
  readonly transport?: string;
  readonly auth?: readonly AuthSource[];
  readonly identities?: Readonly<Record<string, readonly string[]>>;
  readonly egress?: readonly string[];
  readonly defaults?: {
    readonly timeout?: string;
    readonly rateLimit?: {
      readonly quota: number;
      readonly window: string;
      readonly key?: string;
      readonly headers?: readonly string[];
    };
    readonly breaker?: {
      readonly failureRate: number;
      readonly window: string;
      readonly minimum?: number;
      readonly openFor?: string;
      readonly probes?: number;
    };
    readonly retryBudget?: { readonly share: number; readonly window?: string; readonly minimum?: number };
    readonly inFlight?: number;
    readonly failures?: readonly FailureSource[];
  };
  readonly operations: Readonly<Record<string, OperationSource>>;
  readonly webhooks?: Readonly<Record<string, WebhookSource>>;
  readonly sources?: Readonly<Record<string, SourceSource>>;
  readonly publications?: Readonly<Record<string, PublicationSource>>;
  readonly health?: false | { readonly operation: string; readonly with?: JsonObject };
  readonly sandbox?: false | { readonly server: string; readonly synthetic?: boolean };
}

type OAuthScheme = Extract<AuthScheme, { readonly type: 'oauth2' }>;
type HmacScheme = Extract<AuthScheme, { readonly type: 'hmac' }>;
type AuthSource =
  | Exclude<AuthScheme, OAuthScheme | HmacScheme>
  | (Omit<OAuthScheme, 'clientAuth' | 'maxTtlMs'> & {
      readonly clientAuth?: OAuthScheme['clientAuth'];
      readonly maxTtl?: string;
    })
  | (Pick<HmacScheme, 'id' | 'type' | 'sign' | 'headers'> & Partial<HmacScheme>);

interface FailureSource extends Omit<FailureRule, 'status'> {
  readonly status: string | number;
}

interface OperationSource {
  readonly effect: Effect;
  readonly scopes?: readonly string[];
  readonly idempotency?: {
    readonly mode: Idempotency['mode'];
    readonly name?: string;
    readonly retention?: string;
  };
  readonly probe?: {
    readonly operation: string;
    readonly by?: string;
    readonly with?: Readonly<Record<string, unknown>>;
    readonly found?: string;
    readonly state?: string;
    readonly settle?: string;
  };
  readonly compensation?: { readonly operation: string; readonly within?: string };
  readonly pagination?: {
    readonly type: PaginationManifest['type'];
    readonly in?: string;
    readonly out?: string;
    readonly items?: string;
    readonly start?: number;
    readonly limit?: string;
    readonly id?: string;
    readonly more?: string;
    readonly stable?: boolean;
  };
  readonly concurrency?: Concurrency;
  readonly message?: {
    readonly orderBy?: string;
    readonly envelope?: Omit<EnvelopeManifest, 'mode' | 'prefix'> & Partial<EnvelopeManifest>;
  };
  readonly timeout?: string;
  readonly stream?: { readonly max?: string; readonly stall?: string };
  readonly failures?: readonly FailureSource[];
}

interface WebhookSource extends Partial<Omit<WebhookManifest, 'verify' | 'toleranceMs'>> {
  readonly verify: WebhookManifest['verify'];
  readonly tolerance?: string;
}

interface SourceSource
  extends Partial<Omit<SourceManifest, 'prefetchMax' | 'everyMs' | 'poll' | 'schedule'>> {
  readonly prefetch?: number;
  readonly every?: string;
  readonly poll?: Omit<PollManifest, 'with' | 'cursor'> & {
    readonly with?: PollManifest['with'];
    readonly cursor: Omit<PollManifest['cursor'], 'overlapMs'> & { readonly overlap?: string };
  };
  readonly schedule?: Pick<ScheduleManifest, 'cron' | 'zone'> & {
    readonly missed?: ScheduleManifest['missed'];
    readonly jitter?: string;
  };
}

interface PublicationSource {
  readonly to?: string;
  readonly idempotency: NonNullable<OperationSource['idempotency']>;
  readonly scopes?: readonly string[];
  readonly message?: NonNullable<OperationSource['message']>;
}

const DEFAULTS = {
  timeoutMs: 10_000,
  inFlightMax: 64,
  toleranceMs: 300_000,
  settleMs: 1_000,
  source: { group: 'tenon', prefetchMax: 100, everyMs: 1_000, pollMs: 300_000 },
  breaker: { minimum: 20, openForMs: 15_000, probes: 3 },
  retryBudget: { windowMs: 10_000, minimum: 10 },
} as const;

/** Where each scheme puts the delivery's own id. Stripe and Slack sign it inside the body; so must a scheme of one's own. */
const DELIVERY_ID_OTHERWISE = '/id';
const DELIVERY_IDS: Readonly<Record<string, string>> = {
  'standard-webhooks': 'webhook-id',
  github: 'x-github-delivery',
  stripe: '/id',
  slack: '/event_id',
};

/** The manifest with durations in milliseconds and every default in place. Total: its input has been checked. */
export function fillDefaults(source: ManifestSource): ConnectorManifest {
  return {
    name: source.metadata.name,
    version: source.metadata.version,
    owner: source.metadata.owner,
    contract: source.contract,
    transport: source.transport ?? 'http',
    auth: (source.auth ?? []).map(authScheme),
    identities: source.identities ?? {},
    egress: source.egress ?? [],
    defaults: operationDefaults(source.defaults ?? {}),
    operations: mapValues(source.operations, (operation) => operationManifest(operation, source)),
    webhooks: mapValues(source.webhooks ?? {}, webhookManifest),
    sources: mapValues(source.sources ?? {}, sourceManifest),
    publications: mapValues(source.publications ?? {}, publicationManifest),
    ...(source.health !== undefined && { health: source.health && { with: {}, ...source.health } }),
    ...(source.sandbox !== undefined && {
      sandbox: source.sandbox && { synthetic: false, ...source.sandbox },
    }),
  };
}

const HMAC_DEFAULTS = {
  algorithm: 'sha256',
  encoding: 'hex',
  secretEncoding: 'utf8',
  timestamp: 'unixSeconds',
} as const;

function authScheme(source: AuthSource): AuthScheme {
  if (source.type === 'hmac') return { ...HMAC_DEFAULTS, ...source };
  if (source.type !== 'oauth2') return source;
  const { maxTtl, ...rest } = source;
  return {
    ...rest,
    clientAuth: rest.clientAuth ?? (rest.flow === 'jwtBearer' ? 'none' : 'basic'),
    ...(rest.flow === 'refreshToken' && { rotation: rest.rotation ?? 'singleUse' }),
    ...optionalMs('maxTtlMs', maxTtl),
  };
}

function operationDefaults(source: NonNullable<ManifestSource['defaults']>): OperationDefaults {
  const { rateLimit, breaker, retryBudget } = source;
  return {
    timeoutMs: ms(source.timeout) ?? DEFAULTS.timeoutMs,
    inFlightMax: source.inFlight ?? DEFAULTS.inFlightMax,
    ...(rateLimit && {
      rateLimit: {
        quota: rateLimit.quota,
        windowMs: ms(rateLimit.window)!,
        key: rateLimit.key ?? 'connection',
        headers: rateLimit.headers ?? ['RateLimit', 'Retry-After'],
      },
    }),
    ...(breaker && {
      breaker: {
        failureRate: breaker.failureRate,
        windowMs: ms(breaker.window)!,
        minimum: breaker.minimum ?? DEFAULTS.breaker.minimum,
        openForMs: ms(breaker.openFor) ?? DEFAULTS.breaker.openForMs,
        probes: breaker.probes ?? DEFAULTS.breaker.probes,
      },
    }),
    ...(retryBudget && {
      retryBudget: {
        share: retryBudget.share,
        windowMs: ms(retryBudget.window) ?? DEFAULTS.retryBudget.windowMs,
        minimum: retryBudget.minimum ?? DEFAULTS.retryBudget.minimum,
      },
    }),
    failures: failureRules(source.failures),
  };
}

function operationManifest(source: OperationSource, manifest: ManifestSource): OperationManifest {
  return {
    effect: source.effect,
    scopes: source.scopes ?? [],
    idempotency: idempotency(source),
    ...(source.probe && { probe: probe(source.probe, manifest) }),
    ...(source.compensation && {
      compensation: {
        operation: source.compensation.operation,
        ...optionalMs('withinMs', source.compensation.within),
      },
    }),
    ...(source.pagination && { pagination: pagination(source.pagination) }),
    ...(source.concurrency && { concurrency: source.concurrency }),
    ...(source.message && { message: messageManifest(source.message) }),
    ...optionalMs('timeoutMs', source.timeout),
    ...(source.stream && {
      stream: {
        bytesMax: parseByteSize(source.stream.max ?? '') ?? STREAM_DEFAULTS.bytesMax,
        stallMs: ms(source.stream.stall) ?? STREAM_DEFAULTS.stallMs,
      },
    }),
    failures: failureRules(source.failures),
  };
}

/** A read may be repeated; an effect without a mode was refused before. */
function idempotency(source: OperationSource): Idempotency {
  const declared = source.idempotency;
  if (declared === undefined) return { mode: source.effect === 'read' ? 'natural' : 'none' };
  if (declared.mode !== 'header') return { mode: declared.mode };
  return { mode: 'header', name: declared.name!, ...optionalMs('retentionMs', declared.retention) };
}

/** `by: externalId` asks for the items whose `externalId` is the request's, and takes the first. */
function probe(source: NonNullable<OperationSource['probe']>, manifest: ManifestSource): ProbeManifest {
  const settleMs = ms(source.settle) ?? DEFAULTS.settleMs;
  const { by } = source;
  if (by === undefined)
    return {
      operation: source.operation,
      with: source.with!,
      found: wholeExpression((source.state ?? source.found)!)!,
      ...(source.state !== undefined && { compares: true }),
      settleMs,
    };
  const list = `body${(manifest.operations[source.operation]?.pagination?.items ?? '').replaceAll('/', '.')}`;
  const matching = `${list}.filter(item, item.${by} == request.body.${by})`;
  return {
    operation: source.operation,
    with: source.with ?? { [by]: `\${ request.body.${by} }` },
    found:
      source.found === undefined
        ? `size(${matching}) > 0 ? ${matching}[0] : null`
        : wholeExpression(source.found)!,
    settleMs,
  };
}

function pagination(source: NonNullable<OperationSource['pagination']>): PaginationManifest {
  const { stable, id } = source;
  return {
    ...paginationKind(source),
    ...(stable !== undefined && { stable }),
    ...(id !== undefined && { id }),
  };
}

function paginationKind(source: NonNullable<OperationSource['pagination']>): PaginationManifest {
  const items = source.items ?? '';
  const parameter = source.in ?? '';
  const more = source.more === undefined ? {} : { more: source.more };
  if (source.type === 'cursor') return { type: 'cursor', in: parameter, out: source.out!, items, ...more };
  if (source.type === 'after') return { type: 'after', in: parameter, id: source.id!, items, ...more };
  if (source.type === 'page') return { type: 'page', in: parameter, items, start: source.start ?? 1 };
  if (source.type === 'offset') return { type: 'offset', in: parameter, items, limit: source.limit! };
  return { type: 'link', items };
}

function webhookManifest(source: WebhookSource): WebhookManifest {
  const { tolerance, ...rest } = source;
  const id = rest.id ?? DELIVERY_IDS[rest.verify] ?? DELIVERY_ID_OTHERWISE;
  return {
    ...rest,
    id: id.startsWith('/') ? id : id.toLowerCase(),
    toleranceMs: ms(tolerance) ?? DEFAULTS.toleranceMs,
  };
}

function messageManifest({ orderBy, envelope }: NonNullable<OperationSource['message']>): MessageManifest {
  return {
    ...(orderBy !== undefined && { orderBy }),
    ...(envelope && { envelope: { mode: 'binary', prefix: 'ce-', ...envelope } }),
  };
}

function publicationManifest({ to, message, ...rest }: PublicationSource): PublicationManifest {
  return {
    scopes: rest.scopes ?? [],
    idempotency: idempotency({ effect: 'send', idempotency: rest.idempotency }),
    ...(to !== undefined && { to }),
    ...(message && { message: messageManifest(message) }),
  };
}

function pollManifest({ cursor, ...rest }: NonNullable<SourceSource['poll']>): PollManifest {
  const { overlap, ...where } = cursor;
  return { ...rest, with: rest.with ?? {}, cursor: { ...where, overlapMs: ms(overlap) ?? 0 } };
}

function sourceManifest(source: SourceSource): SourceManifest {
  const { prefetch, every, poll, schedule, ...rest } = source;
  return {
    ...rest,
    group: rest.group ?? DEFAULTS.source.group,
    prefetchMax: prefetch ?? DEFAULTS.source.prefetchMax,
    create: rest.create ?? false,
    invalid: rest.invalid ?? 'quarantine',
    id: rest.id ?? 'message',
    everyMs: ms(every) ?? (poll ? DEFAULTS.source.pollMs : DEFAULTS.source.everyMs),
    ...(poll && { poll: pollManifest(poll) }),
    ...(schedule && {
      schedule: {
        cron: schedule.cron,
        zone: schedule.zone,
        missed: schedule.missed ?? 'once',
        jitterMs: ms(schedule.jitter) ?? 0,
      },
    }),
  };
}

function failureRules(sources: readonly FailureSource[] = []): FailureRule[] {
  return sources.map(({ status, when, ...rest }) => ({
    ...rest,
    status: String(status).toLowerCase(),
    ...(when !== undefined && { when: wholeExpression(when)! }),
  }));
}

/** The expression of a scalar that is nothing but `${ expression }`. */
export function wholeExpression(text: string): string | undefined {
  return /^\s*\$\{([\s\S]*)\}\s*$/.exec(text)?.[1]?.trim();
}

function ms(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration);
}

function optionalMs<Key extends string>(
  key: Key,
  duration: string | undefined,
): { readonly [K in Key]?: number } {
  const value = ms(duration);
  // A computed key widens to `string`; this one is `Key`.
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: number };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
