import { calls, functions, type Reference, references } from '@tenon/expression';
import { type Diagnostic, didYouMean, type Location, toPointer } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import type { SpecExpression } from '../spec/template.ts';
import { enumOf, fieldOf, type Place, typeNames, typesOf, typesOfValue } from './schema-path.ts';
import type { NamedValue, Scope, UsageTarget } from './scope.ts';

/** A read of a contract's data, found in an expression. */
export interface Read {
  readonly source: UsageTarget;
  /** JSON Pointer into the payload; `*` for every item. */
  readonly path: string;
  readonly at: Location;
  readonly expression: string;
  readonly comparedWith?: null | boolean | number | string;
}

export interface ExpressionCheck {
  readonly diagnostics: readonly Diagnostic[];
  readonly reads: readonly Read[];
  /** What the whole expression is, where it is a plain reference. */
  readonly place?: Place;
}

/** Policies that expressions may call: name → number of parameters. */
export type PolicyArities = ReadonlyMap<string, number>;

/**
 * Checks one expression: syntax, names, functions, and each path against the schema it leads into.
 * The one place that knows how an expression is typed.
 */
export function checkExpression(
  expression: SpecExpression,
  scope: Scope,
  policies: PolicyArities,
): ExpressionCheck {
  const { parsed } = expression;
  if (parsed.errors.length > 0) {
    const diagnostics = parsed.errors.map((error) =>
      diagnostic('expression-syntax', {
        message: error.message,
        at: expression.locate(error),
        subject: `${expression.source} ${error.message}`,
        fix: error.fix,
      }),
    );
    return { diagnostics, reads: [] };
  }
  const found: Diagnostic[] = checkCalls(expression, policies);
  const reads: Read[] = [];
  const seen = new Set<string>();
  let whole: Place | undefined;
  for (const reference of references(parsed.ast)) {
    const place = checkReference(expression, reference, scope, found, reads);
    const { span } = reference;
    if (place && span.start === parsed.ast.start && span.end === parsed.ast.end) whole = place;
  }
  const diagnostics = found.filter((one) => {
    const key = `${one.code} ${one.range?.start.offset} ${one.message}`;
    return seen.size < seen.add(key).size;
  });
  return { diagnostics, reads, ...(whole && { place: whole }) };
}

function checkCalls(expression: SpecExpression, policies: PolicyArities): Diagnostic[] {
  return calls(expression.parsed.ast).flatMap((call): Diagnostic[] => {
    const at = expression.locate(call.nameSpan);
    if (call.namespace === 'policy') {
      const arity = policies.get(call.name);
      if (arity === undefined)
        return [
          diagnostic('unknown-policy', {
            message: `there is no policy \`${call.name}\``,
            at,
            subject: call.name,
            fix: suggestion(call.name, policies.keys()) ?? 'define it in pipelines/policies/',
          }),
        ];
      if (arity === call.arguments) return [];
      const message = `policy \`${call.name}\` takes ${count(arity, 'argument')}, not ${call.arguments}`;
      return [diagnostic('policy-arguments', { message, at, subject: call.name })];
    }
    if (call.namespace === 'optional' || Object.hasOwn(functions, call.name)) return [];
    return [
      diagnostic('unknown-function', {
        message: `there is no function \`${call.name}\``,
        at,
        subject: call.name,
        ...withFix(suggestion(call.name, Object.keys(functions))),
      }),
    ];
  });
}

function checkReference(
  expression: SpecExpression,
  reference: Reference,
  scope: Scope,
  found: Diagnostic[],
  reads: Read[],
): Place | undefined {
  const named = reference.root === 'steps' && scope.steps ? stepValue() : rootValue();
  if (!named) return undefined;
  const { value, path } = named;
  let place = value.place;
  for (const segment of path) {
    const field = fieldOf(place, segment.name);
    if (!field.place) {
      if (field.notA !== undefined) {
        const message = `\`${segment.name}\` is read from ${field.notA}`;
        found.push(
          diagnostic('unknown-field', {
            message,
            at: expression.locate(segment),
            subject: `${expression.source} ${segment.name}`,
          }),
        );
        return undefined;
      }
      const owner = describe(reference, segment);
      found.push(
        diagnostic('unknown-field', {
          message: `${owner} has no field \`${segment.name}\``,
          at: expression.locate(segment),
          subject: `${expression.source} ${segment.name}`,
          ...withFix(suggestion(segment.name, field.candidates) ?? listed(field.candidates)),
        }),
      );
      return undefined;
    }
    place = field.place;
  }
  if (value.source)
    reads.push({
      source: value.source,
      path: toPointer(path.map(({ name }) => name)),
      at: expression.locate(reference.span),
      expression: expression.source,
      ...(reference.comparedWith !== undefined && { comparedWith: reference.comparedWith }),
    });
  if (reference.comparedWith !== undefined) checkComparison(expression, reference, place, found);
  return place;

  function rootValue(): { value: NamedValue; path: Reference['path'] } | undefined {
    const value = scope.roots.get(reference.root);
    if (value) return { value, path: reference.path };
    const known = [...scope.roots.keys(), ...(scope.steps ? ['steps'] : [])];
    const { start } = reference.span;
    const at = expression.locate({ start, end: start + reference.root.length });
    const stepNamed = scope.steps?.has(reference.root);
    found.push(
      diagnostic('unknown-name', {
        message: `there is no \`${reference.root}\` here`,
        at,
        subject: `${expression.source} ${reference.root}`,
        fix: stepNamed
          ? `write \`steps.${reference.root}\``
          : (suggestion(reference.root, known) ?? `known here: ${known.join(', ')}`),
      }),
    );
    return undefined;
  }

  function stepValue(): { value: NamedValue; path: Reference['path'] } | undefined {
    const [id, ...path] = reference.path;
    // `steps` as a whole, or an element of it by a computed name: nothing is known of it.
    if (!id || id.name === '*') return undefined;
    const step = scope.steps?.get(id.name);
    const at = expression.locate(id);
    const subject = `${expression.source} ${id.name}`;
    switch (step?.state) {
      case undefined:
        found.push(
          diagnostic('unknown-step', {
            message: `there is no step \`${id.name}\``,
            at,
            subject,
            ...withFix(suggestion(id.name, [...(scope.steps?.keys() ?? [])])),
          }),
        );
        return undefined;
      case 'available':
        return { value: step.value, path };
      case 'withoutResult':
        found.push(
          diagnostic('step-without-result', {
            message: `step \`${id.name}\` is a ${step.kind}: it has no result`,
            at,
            subject,
          }),
        );
        return undefined;
      case 'self':
        found.push(
          diagnostic('step-not-run-yet', {
            message: `step \`${id.name}\` reads its own result`,
            at,
            subject,
          }),
        );
        return undefined;
      case 'later':
        found.push(
          diagnostic('step-not-run-yet', {
            message: `step \`${id.name}\` has not run at this point`,
            at,
            subject,
          }),
        );
        return undefined;
      case 'otherBranch':
        if (id.optional) return undefined;
        found.push(
          diagnostic('step-in-other-branch', {
            message: `step \`${id.name}\` is in another branch: it may not have run`,
            at,
            subject,
          }),
        );
        return undefined;
    }
  }
}

/** A comparison that can never be true: with a value outside an enum, or of another type. */
function checkComparison(
  expression: SpecExpression,
  reference: Reference,
  place: Place,
  found: Diagnostic[],
): void {
  const literal = reference.comparedWith;
  if (literal === undefined || place.any) return;
  const at = expression.locate(expression.parsed.ast);
  const subject = `${expression.source} ${String(literal)}`;
  const name = expression.source.slice(reference.span.start, reference.span.end);
  const allowed = enumOf(place);
  if (allowed && literal !== null && !allowed.includes(literal)) {
    const near = didYouMean(String(literal), allowed.map(String));
    found.push(
      diagnostic('value-outside-enum', {
        message: `\`${name}\` is never ${JSON.stringify(literal)}`,
        at: literalPlace(expression, literal) ?? at,
        subject,
        fix:
          near === undefined
            ? `it is one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}`
            : `did you mean "${near}"?`,
      }),
    );
    return;
  }
  if (literal === null) return;
  const types = typesOf(place);
  if (typesOfValue(literal).some((type) => types.has(type))) return;
  if (typeof literal === 'number' && types.has('integer') && Number.isInteger(literal)) return;
  found.push(
    diagnostic('comparison-of-types', {
      message: `\`${name}\` is ${typeNames(place)}; it never equals ${JSON.stringify(literal)}`,
      at: literalPlace(expression, literal) ?? at,
      subject,
    }),
  );
}

/** Where a text literal stands in the expression, when it stands there once. */
function literalPlace(
  expression: SpecExpression,
  literal: null | boolean | number | string,
): Location | undefined {
  for (const quote of ["'", '"']) {
    const written = typeof literal === 'string' ? quote + literal + quote : String(literal);
    const start = expression.source.indexOf(written);
    if (start >= 0 && expression.source.indexOf(written, start + 1) < 0)
      return expression.locate({ start, end: start + written.length });
  }
  return undefined;
}

/** `event`, `steps.invoice.customer`: what a segment was looked up in. */
function describe(reference: Reference, segment: Reference['path'][number]): string {
  const names = reference.path.slice(0, reference.path.indexOf(segment)).map(({ name }) => name);
  return `\`${[reference.root, ...names].join('.')}\``;
}

function suggestion(name: string, candidates: Iterable<string>): string | undefined {
  const near = didYouMean(name, candidates);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

/** Candidates named in a fix, at most. */
const LISTED_MAX = 12;

function listed(candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const shown = candidates.slice(0, LISTED_MAX).join(', ');
  return `it has ${shown}${candidates.length > LISTED_MAX ? ', …' : ''}`;
}

function withFix(fix: string | undefined): { fix?: string } {
  return fix === undefined ? {} : { fix };
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
