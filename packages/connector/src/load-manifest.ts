import { type PositionedDocument, parseDocument } from '@tenon/document';
import { parseExpression, parseTemplate } from '@tenon/expression';
import {
  type Checked,
  type Diagnostic,
  didYouMean,
  hasErrors,
  isObject,
  isSecretReference,
  type Location,
  toPointer,
} from '@tenon/model';
import { authDiagnostics } from './check-auth.ts';
import { fillDefaults, type ManifestSource, wholeExpression } from './fill-manifest.ts';
import type { ConnectorManifest } from './manifest.ts';
import { connectorSchema } from './manifest-schema.ts';
import { indefiniteRefusal } from './refusals.ts';
import { connectorDiagnostic } from './rules.ts';
import { secretLooking, secretName } from './secret-literal.ts';
import { checkShape, type ShapeIssue } from './shape.ts';
import { isZone } from './zone.ts';

/** A manifest with the document it was read from, so that later checks (against the contract) can say where. */
export interface LoadedManifest {
  readonly manifest: ConnectorManifest;
  readonly document: PositionedDocument;
}

/**
 * Parses and checks one `connector.yaml` by itself: shape, durations, expressions, references between its operations,
 * scopes, and that no secret is written out. Its agreement with the contract is checked by the pipeline package.
 */
export function loadManifest(file: string, text: string): Checked<LoadedManifest> {
  const parsed = parseDocument(file, text);
  if (parsed.value === undefined || hasErrors(parsed.diagnostics)) return { diagnostics: parsed.diagnostics };
  const document = parsed.value;
  const shape = checkShape(connectorSchema, document.value).map((issue) => shapeDiagnostic(document, issue));
  const secrets = secretDiagnostics(document);
  const before = [...parsed.diagnostics, ...shape, ...secrets];
  if (shape.length > 0) return { diagnostics: before };
  // The shape check above has established exactly this type.
  const source = { operations: {}, ...(document.value as Partial<ManifestSource>) } as ManifestSource;
  const diagnostics = [
    ...before,
    ...expressionDiagnostics(document),
    ...meaningDiagnostics(document, source),
  ];
  if (hasErrors(diagnostics)) return { diagnostics };
  return { value: { manifest: fillDefaults(source), document }, diagnostics };
}

const SHAPE_CODES = {
  unknown: 'manifest-key-unknown',
  missing: 'manifest-key-missing',
  invalid: 'manifest-value-invalid',
  duration: 'manifest-duration-invalid',
  host: 'manifest-host-invalid',
} as const satisfies Record<ShapeIssue['kind'], string>;

function shapeDiagnostic(document: PositionedDocument, issue: ShapeIssue): Diagnostic {
  const atKey = issue.kind === 'unknown' || issue.kind === 'missing';
  return connectorDiagnostic(SHAPE_CODES[issue.kind], {
    message: issue.message,
    at: atKey ? document.locateKey(issue.pointer) : document.locate(issue.pointer),
    subject: `${issue.pointer} ${issue.message}`,
    ...(issue.fix !== undefined && { fix: issue.fix }),
  });
}

/** Every text of the document: a secret written out, even under a key we do not know, is refused. */
function secretDiagnostics(document: PositionedDocument): Diagnostic[] {
  return [...texts(document.value)].flatMap(({ tokens, text }) => {
    const named = secretName(String(tokens.at(-1))) && !isSecretReference(text) && !text.includes('${');
    const what = secretLooking(text) ?? (named ? 'a secret' : undefined);
    if (what === undefined) return [];
    const pointer = toPointer(tokens);
    return connectorDiagnostic('manifest-secret-literal', {
      message: `this looks like ${what}, written out`,
      at: document.locate(pointer),
      subject: pointer,
    });
  });
}

function* texts(
  value: unknown,
  tokens: readonly (string | number)[] = [],
): Generator<{ readonly tokens: readonly (string | number)[]; readonly text: string }> {
  if (typeof value === 'string') yield { tokens, text: value };
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* texts(item, [...tokens, index]);
  else if (isObject(value))
    for (const [key, item] of Object.entries(value)) yield* texts(item, [...tokens, key]);
}

/** `when`, `found` and `state` are one expression; texts below `with` are templates. */
function expressionDiagnostics(document: PositionedDocument): Diagnostic[] {
  return [...texts(document.value)].flatMap(({ tokens, text }) => {
    const key = tokens.at(-1);
    const isWhole =
      (key === 'when' && tokens.includes('failures')) ||
      ((key === 'found' || key === 'state') && tokens.at(-2) === 'probe');
    if (!isWhole && tokens[3] !== 'with') return [];
    const pointer = toPointer(tokens);
    const inner = wholeExpression(text);
    const errors =
      inner !== undefined
        ? parseExpression(inner).errors
        : isWhole
          ? [
              {
                message: 'expected one expression in `${ }`',
                fix: `write \`${JSON.stringify(`\${ ${text} }`)}\``,
              },
            ]
          : parseTemplate(text).errors;
    return errors.map((error) =>
      connectorDiagnostic('manifest-expression-invalid', {
        message: error.message,
        at: document.locate(pointer),
        subject: `${pointer} ${error.message}`,
        fix: error.fix,
      }),
    );
  });
}

function meaningDiagnostics(document: PositionedDocument, source: ManifestSource): Diagnostic[] {
  const found: Diagnostic[] = [];
  const operations = source.operations;
  const at = (...tokens: readonly string[]): Location => document.locate(toPointer(tokens));

  for (const [name, operation] of Object.entries(operations)) {
    const here = ['operations', name];
    if (operation.effect !== 'read' && operation.idempotency === undefined)
      found.push(
        connectorDiagnostic('manifest-idempotency-undeclared', {
          message: `\`${name}\` changes something (effect: ${operation.effect}) and does not say what a repeat would do`,
          at: document.locateKey(toPointer(here)),
          subject: name,
        }),
      );
    if (operation.idempotency?.mode === 'checkFirst' && operation.probe === undefined)
      found.push(
        connectorDiagnostic('manifest-probe-missing', {
          message: `\`${name}\` is to be checked first, and no \`probe\` says how`,
          at: at(...here, 'idempotency'),
          subject: name,
        }),
      );
    const probe = operation.probe;
    if (probe !== undefined) {
      reference(probe.operation, [...here, 'probe', 'operation'], 'read');
      const ways = [probe.by, probe.found, probe.state].filter((way) => way !== undefined).length;
      const isWhole = probe.state === undefined ? probe.by !== undefined || ways === 1 : ways === 1;
      if (!isWhole || (probe.by === undefined && probe.with === undefined))
        found.push(
          connectorDiagnostic('manifest-key-missing', {
            message: 'a probe needs `by`, or `with` and either `found` or `state`',
            at: at(...here, 'probe'),
            subject: `${name} probe`,
          }),
        );
    }
    if (operation.compensation !== undefined)
      reference(operation.compensation.operation, [...here, 'compensation', 'operation'], 'effect');
  }
  for (const [event, { poll }] of Object.entries(source.sources ?? {}))
    if (poll !== undefined) reference(poll.operation, ['sources', event, 'poll', 'operation'], 'read');
  if (source.health) reference(source.health.operation, ['health', 'operation'], 'read');
  return [
    ...found,
    ...refusalDiagnostics(document, source),
    ...zoneDiagnostics(document, source),
    ...scopeDiagnostics(document, source),
    ...authDiagnostics(document, source),
  ];

  function reference(name: string, tokens: readonly string[], wanted: 'read' | 'effect'): void {
    const target = operations[name];
    const pointer = toPointer(tokens);
    if (target === undefined) {
      const meant = didYouMean(name, Object.keys(operations));
      found.push(
        connectorDiagnostic('manifest-operation-unknown', {
          message: `\`${name}\` is not among the operations of this manifest`,
          at: document.locate(pointer),
          subject: pointer,
          fix: meant === undefined ? undefined : `did you mean \`${meant}\`?`,
        }),
      );
    } else if (wanted === 'read' && target.effect !== 'read') {
      found.push(
        connectorDiagnostic('manifest-read-has-effect', {
          message: `\`${name}\` has an effect (${target.effect}); here stands an operation that only reads`,
          at: document.locate(pointer),
          subject: pointer,
        }),
      );
    } else if (wanted === 'effect' && target.effect === 'read') {
      found.push(
        connectorDiagnostic('manifest-compensation-reads', {
          message: `\`${name}\` only reads, so it undoes nothing`,
          at: document.locate(pointer),
          subject: pointer,
        }),
      );
    }
  }
}

/** A step that takes an answer as a value goes on as after one that did nothing, so that must be so. */
function refusalDiagnostics(document: PositionedDocument, source: ManifestSource): Diagnostic[] {
  const lists = [
    { at: ['defaults', 'failures'], rules: source.defaults?.failures },
    ...Object.entries(source.operations).map(([name, { failures }]) => ({
      at: ['operations', name, 'failures'],
      rules: failures,
    })),
  ];
  return lists.flatMap(({ at, rules = [] }) =>
    rules.flatMap((rule, index) => {
      const why =
        rule.refusal === undefined
          ? undefined
          : indefiniteRefusal({ ...rule, status: String(rule.status).toLowerCase() });
      if (why === undefined) return [];
      const pointer = toPointer([...at, index, 'refusal']);
      return connectorDiagnostic('manifest-refusal-indefinite', {
        message: `\`${rule.refusal}\` cannot be taken as a value: ${why}`,
        at: document.locate(pointer),
        subject: `${pointer} ${rule.refusal}`,
      });
    }),
  );
}

function zoneDiagnostics(document: PositionedDocument, source: ManifestSource): Diagnostic[] {
  return Object.entries(source.sources ?? {}).flatMap(([event, { schedule }]) => {
    if (schedule === undefined || isZone(schedule.zone)) return [];
    return connectorDiagnostic('manifest-value-invalid', {
      message: `\`${schedule.zone}\` is not the name of a time zone`,
      at: document.locate(toPointer(['sources', event, 'schedule', 'zone'])),
      subject: event,
      fix: 'write its IANA name, like `Europe/Berlin`, or `UTC`',
    });
  });
}

/** Least privilege by construction: a scope needed is held by some identity, and none is held that is not needed. */
function scopeDiagnostics(document: PositionedDocument, source: ManifestSource): Diagnostic[] {
  if (source.identities === undefined) return [];
  const held = new Set(Object.values(source.identities).flat());
  const needed = new Set(
    [...Object.values(source.operations), ...Object.values(source.publications ?? {})].flatMap(
      ({ scopes }) => scopes ?? [],
    ),
  );
  const unheld = Object.entries(source.operations).flatMap(([name, operation]) =>
    (operation.scopes ?? []).flatMap((scope, index) =>
      held.has(scope)
        ? []
        : connectorDiagnostic('manifest-scope-unheld', {
            message: `no identity holds \`${scope}\`, which \`${name}\` needs`,
            at: document.locate(toPointer(['operations', name, 'scopes', index])),
            subject: `${name} ${scope}`,
            fix: suggestion(didYouMean(scope, held)),
          }),
    ),
  );
  const unused = Object.entries(source.identities).flatMap(([identity, scopes]) =>
    scopes.flatMap((scope, index) =>
      needed.has(scope)
        ? []
        : connectorDiagnostic('manifest-scope-unneeded', {
            message: `identity \`${identity}\` holds \`${scope}\`, which no operation needs`,
            at: document.locate(toPointer(['identities', identity, index])),
            subject: `${identity} ${scope}`,
          }),
    ),
  );
  return [...unheld, ...unused];
}

function suggestion(meant: string | undefined): string | undefined {
  return meant === undefined ? undefined : `did you mean \`${meant}\`?`;
}
