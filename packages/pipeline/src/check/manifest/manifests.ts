import {
  type ConnectorManifest,
  isStreamable,
  type OperationManifest,
  type SourceManifest,
} from '@tenon/connector';
import { cronProblem } from '@tenon/connector/schedule';
import type { Contract, HttpOperation, Operation } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { type Diagnostic, toPointer } from '@tenon/model';
import { isSchemaObject, validatorFor } from '@tenon/schema';
import { planOperation } from '../../plan-operation.ts';
import { placeOfSource } from '../../plan-source.ts';
import { diagnostic } from '../../rules.ts';
import type { Workspace } from '../../workspace.ts';
import { firstGap, placeOf } from '../data/schema-path.ts';
import { checkFailureRules } from './failure-rules.ts';
import { checkManifestAuth } from './manifest-auth.ts';
import { checkManifestEvents } from './manifest-events.ts';
import { inputProblem } from './manifest-inputs.ts';
import { keyHeaderProblem } from './manifest-keys.ts';
import { checkPolls } from './manifest-polls.ts';
import { checkProbe } from './manifest-probes.ts';
import { near } from './near.ts';

/** Does each `connector.yaml` agree with the contract it speaks? */
export function checkManifests(workspace: Workspace): Diagnostic[] {
  return [...workspace.connectors.values()].flatMap((manifest) => {
    const document = workspace.connectorDocuments.get(manifest.name);
    if (!document) return [];
    const contract = workspace.contracts.get(manifest.contract);
    const code = workspace.codedConnectors.has(manifest.name) ? [] : checkNeedsNoCode(manifest, document);
    if (contract) return [...code, ...checkManifest(manifest, contract, document)];
    return diagnostic('unknown-contract', {
      message: `there is no contract \`${manifest.contract}\``,
      at: document.locate('/contract'),
      subject: manifest.contract,
      ...near(manifest.contract, workspace.contracts.keys()),
    });
  });
}

/** What only code can give, where there is none: nothing of it could be called, and no delivery believed. */
function checkNeedsNoCode(manifest: ConnectorManifest, document: PositionedDocument): Diagnostic[] {
  const needed = [
    ...(manifest.transport === 'http' ? [] : [{ at: ['transport'], what: manifest.transport }]),
    ...Object.entries(manifest.webhooks).flatMap(([name, { verify }]) =>
      verify.startsWith('own-') ? [{ at: ['webhooks', name, 'verify'], what: verify }] : [],
    ),
  ];
  return needed.map(({ at, what }) =>
    diagnostic('manifest-code-missing', {
      message: `\`${what}\` is given by the connector's own code, and there is none`,
      at: document.locate(toPointer(at)),
      subject: `${manifest.name} ${what}`,
    }),
  );
}

function checkManifest(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  const operations = Object.entries(manifest.operations).flatMap(([name, declared]) => {
    const operation = contract.operations.get(name);
    if (operation) return checkOperation(manifest, contract, document, operation, declared);
    return diagnostic('manifest-operation-not-in-contract', {
      message: `contract \`${contract.name}\` has no operation \`${name}\``,
      at: document.locateKey(toPointer(['operations', name])),
      subject: `${manifest.name} ${name}`,
      ...near(name, contract.operations.keys()),
    });
  });
  const events = (['webhooks', 'sources', 'publications'] as const).flatMap((member) =>
    Object.keys(manifest[member]).flatMap((name) =>
      contract.events.has(name)
        ? []
        : diagnostic('manifest-event-not-in-contract', {
            message: `contract \`${contract.name}\` has no event \`${name}\``,
            at: document.locateKey(toPointer([member, name])),
            subject: `${manifest.name} ${name}`,
            ...near(name, contract.events.keys()),
          }),
    ),
  );
  return [
    ...operations,
    ...events,
    ...checkManifestAuth(manifest, contract, document),
    ...checkManifestEvents(manifest, contract, document),
    ...checkSharedPlaces(manifest, contract, document),
    ...checkFailureRules(manifest, contract, document),
    ...checkPolls(manifest, contract, document),
    ...checkRounds(manifest, document),
    ...checkSchedules(manifest, document),
    ...checkHealth(manifest, contract, document),
    ...checkTransport(manifest, contract, document),
  ];
}

/** Messages are no requests: what would send or take them in is code for their broker. */
function checkTransport(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  if (manifest.transport !== 'http') return [];
  const sent = Object.keys(manifest.operations).find(
    (name) => contract.operations.get(name)?.kind === 'message',
  );
  const taken = Object.entries(manifest.sources).find(
    ([name, { poll }]) => poll === undefined && contract.events.has(name),
  )?.[0];
  const [member, name] = sent === undefined ? (['sources', taken] as const) : (['operations', sent] as const);
  if (name === undefined) return [];
  return [
    diagnostic('manifest-transport-unfit', {
      message: `\`${name}\` is a message, and the transport is \`http\``,
      at: document.locateKey(toPointer([member, name])),
      subject: manifest.name,
    }),
  ];
}

/** One consumer takes all messages of a place: it must be able to tell them apart, and has one set of settings. */
function checkSharedPlaces(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  const first = new Map<string, string>();
  return Object.entries(manifest.sources).flatMap(([name, source]): Diagnostic[] => {
    const event = contract.events.get(name);
    const place = event && placeOfSource(manifest, event);
    if (place === undefined) return [];
    const earlier = first.get(place);
    if (earlier === undefined) {
      first.set(place, name);
      return [];
    }
    const other = manifest.sources[earlier]!;
    const differing = SHARED_SETTINGS.filter((key) => source[key] !== other[key]);
    if (source.type && other.type && differing.length === 0) return [];
    return [
      diagnostic('manifest-source-ambiguous', {
        message:
          differing.length > 0
            ? `\`${name}\` and \`${earlier}\` both come from \`${place}\` and differ in ${differing.map((key) => `\`${SETTING_NAMES[key]}\``).join(', ')}`
            : `\`${name}\` and \`${earlier}\` both come from \`${place}\`, and no \`type\` tells them apart`,
        at: document.locateKey(toPointer(['sources', name])),
        subject: `${manifest.name} ${name}`,
      }),
    ];
  });
}

/** What a connector takes in and sends out again would go round for ever. */
function checkRounds(manifest: ConnectorManifest, document: PositionedDocument): Diagnostic[] {
  return Object.keys(manifest.publications)
    .filter((name) => Object.hasOwn(manifest.sources, name))
    .map((name) =>
      diagnostic('manifest-event-goes-round', {
        message: `\`${name}\` is both taken in and sent out over this connector`,
        at: document.locateKey(toPointer(['publications', name])),
        subject: `${manifest.name} ${name}`,
      }),
    );
}

/** A schedule that cannot be read would stop the source, and one that names no moment would never start a run. */
function checkSchedules({ name, sources }: ConnectorManifest, document: PositionedDocument): Diagnostic[] {
  return Object.entries(sources).flatMap(([event, { schedule }]) => {
    const problem = schedule && cronProblem(schedule.cron);
    if (!schedule || problem === undefined) return [];
    return diagnostic('manifest-schedule-unreadable', {
      message: `\`${schedule.cron}\` is no schedule: ${problem}`,
      at: document.locate(toPointer(['sources', event, 'schedule', 'cron'])),
      subject: `${name} ${event}`,
    });
  });
}

/** Whoever asks for health has nothing to give but what stands here (C91). */
function checkHealth(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  const { health } = manifest;
  const plan = health ? planOperation(contract, manifest, health.operation) : undefined;
  if (!health || !isSchemaObject(plan?.input)) return [];
  const { $defs = {}, ...input } = plan.input;
  return validatorFor(
    input,
    $defs,
  )(health.with).map(({ message, pointer }) =>
    diagnostic('manifest-health-input-invalid', {
      message: `\`${health.operation}\` ${pointer === '' ? '' : `\`${pointer.slice(1).replaceAll('/', '.')}\` `}${message}`,
      at: document.locate('/health'),
      subject: `${manifest.name} ${pointer}`,
    }),
  );
}

const SETTING_NAMES = {
  group: 'group',
  prefetchMax: 'prefetch',
  create: 'create',
  invalid: 'invalid',
  everyMs: 'every',
} as const satisfies Partial<Record<keyof SourceManifest, string>>;
// Object.keys forgets which keys it was given.
const SHARED_SETTINGS = Object.keys(SETTING_NAMES) as (keyof typeof SETTING_NAMES)[];

function checkOperation(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
  operation: Operation,
  declared: OperationManifest,
): Diagnostic[] {
  const here = ['operations', operation.id];
  const found: Diagnostic[] = [];
  const subject = `${manifest.name} ${operation.id}`;
  if (operation.kind === 'http') {
    const { method } = operation;
    const isReading = method === 'get' || method === 'head' || method === 'options';
    const contradiction = isReading
      ? declared.effect !== 'read'
      : declared.effect === 'read' && method !== 'post';
    if (contradiction)
      found.push(
        diagnostic('manifest-effect-contradicts-method', {
          message: `\`${operation.id}\` is ${method.toUpperCase()}, and the manifest says effect \`${declared.effect}\``,
          at: document.locate(toPointer([...here, 'effect'])),
          subject,
        }),
      );
    found.push(...checkPagination(manifest, contract, document, operation, declared));
    const key = keyHeaderProblem(contract, operation, declared.idempotency);
    if (key)
      found.push(
        diagnostic('manifest-key-header-unknown', {
          message: key.message,
          at: document.locate(toPointer([...here, 'idempotency', 'name'])),
          subject,
          ...(key.misspelt && { misspelt: key.misspelt }),
        }),
      );
  }
  found.push(...checkStream(manifest, document, operation, declared));
  found.push(...checkScopes(contract, document, operation, declared, subject));
  if (declared.probe) found.push(...checkProbe(manifest, contract, document, operation.id, declared.probe));
  return found;
}

/** The scopes named exist, and one of the contract's alternatives is covered by them (C88). */
function checkScopes(
  contract: Contract,
  document: PositionedDocument,
  operation: Operation,
  declared: OperationManifest,
  subject: string,
): Diagnostic[] {
  const known = scopesOf(contract);
  if (known.size === 0) return [];
  const here = ['operations', operation.id];
  const found = declared.scopes.flatMap((scope, index) =>
    known.has(scope)
      ? []
      : diagnostic('manifest-scope-unknown', {
          message: `contract \`${contract.name}\` knows no scope \`${scope}\``,
          at: document.locate(toPointer([...here, 'scopes', index])),
          subject: `${subject} ${scope}`,
          ...near(scope, known),
        }),
  );
  if (found.length > 0) return found;
  const held = new Set(declared.scopes);
  const missing = operation.security.map((alternative) =>
    Object.values(alternative)
      .flat()
      .filter((scope) => !held.has(scope)),
  );
  const [least] = missing.toSorted((a, b) => a.length - b.length);
  if (!least || least.length === 0) return [];
  return [
    diagnostic('manifest-scope-missing', {
      message: `\`${operation.id}\` needs scope ${least.map((scope) => `\`${scope}\``).join(', ')}, says the contract`,
      at: document.locateKey(toPointer(here)),
      subject,
      fix: `add it to \`scopes\``,
    }),
  ];
}

function scopesOf(contract: Contract): ReadonlySet<string> {
  const scopes = [...contract.securitySchemes.values()].flatMap((scheme) =>
    Object.values(scheme.flows ?? {}).flatMap((flow) => {
      const listed = typeof flow === 'object' && flow !== null && 'scopes' in flow ? flow.scopes : undefined;
      return typeof listed === 'object' && listed !== null ? Object.keys(listed) : [];
    }),
  );
  return new Set(scopes);
}

/** `in` is a parameter; `out` and `items` lead to something in the answer. */
function checkPagination(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
  operation: HttpOperation,
  declared: OperationManifest,
): Diagnostic[] {
  const { pagination } = declared;
  const plan = pagination && planOperation(contract, manifest, operation.id);
  if (!pagination || !plan) return [];
  const found: Diagnostic[] = [];
  const here = ['operations', operation.id, 'pagination'];
  const wrong = (key: string, message: string, candidates: readonly string[], name: string): void => {
    found.push(
      diagnostic('manifest-pagination-unknown', {
        message,
        at: document.locate(toPointer([...here, key])),
        subject: `${manifest.name} ${operation.id} ${key}`,
        ...near(name, candidates),
      }),
    );
  };
  for (const key of ['in', 'limit'] as const) {
    const name: unknown = key in pagination ? pagination[key as keyof typeof pagination] : undefined;
    const problem = typeof name === 'string' ? inputProblem(operation, plan, name) : undefined;
    if (problem) wrong(key, problem.message, problem.gap.candidates, problem.gap.name);
  }
  const result = placeOf(plan.result);
  for (const key of ['out', 'items', 'more'] as const) {
    const pointer: unknown = key in pagination ? pagination[key as keyof typeof pagination] : undefined;
    if (typeof pointer !== 'string') continue;
    const gap = firstGap(result, pointer);
    if (gap) wrong(key, `the answer of \`${operation.id}\` has no \`${pointer}\``, gap.candidates, gap.name);
  }
  const { id, items } = pagination;
  const isListed = id !== undefined && firstGap(result, items) === undefined;
  const gap = isListed ? firstGap(result, `${items}/0${id}`) : undefined;
  if (gap) wrong('id', `an item of \`${operation.id}\` has no \`${id}\``, gap.candidates, gap.name);
  return found;
}

/** Only bytes are streamed. */
function checkStream(
  manifest: ConnectorManifest,
  document: PositionedDocument,
  operation: Operation,
  declared: OperationManifest,
): Diagnostic[] {
  if (declared.stream === undefined || hasBytes(operation)) return [];
  return [
    diagnostic('manifest-stream-of-values', {
      message: `neither request nor answer of \`${operation.id}\` is bytes`,
      at: document.locateKey(toPointer(['operations', operation.id, 'stream'])),
      subject: `${manifest.name} ${operation.id}`,
    }),
  ];
}

/** Has it, either way, a body of a media type that is no value? */
function hasBytes(operation: Operation): boolean {
  if (operation.kind !== 'http') return false;
  const answers = operation.responses.filter(({ status }) => /^(?:2|default$)/i.test(status));
  return [operation.body, ...answers].some((body) => body?.content.some(({ type }) => isStreamable(type)));
}
