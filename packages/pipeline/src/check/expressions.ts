import { calls, functions, type ParsedExpression, type Reference, references } from '@tenon/expression';
import { type Diagnostic, didYouMean, type Location, toPointer } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import type { SpecExpression } from '../spec/template.ts';
import { policyArguments } from './policy-arguments.ts';
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

/** A policy that expressions may call. */
export interface PolicyRule {
  readonly parameters: readonly string[];
  readonly condition: ParsedExpression;
}
export type PolicyRules = ReadonlyMap<string, PolicyRule>;

/**
 * Checks one expression: syntax, names, functions, and each path against the schema it leads into.
 * The one place that knows how an expression is typed.
 */
export function checkExpression(
  expression: SpecExpression,
  scope: Scope,
  policies: PolicyRules,
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
  const passed = policyArguments(parsed.ast);
  for (const reference of references(parsed.ast)) {
    const value = checkReference(expression, reference, scope, found);
    if (!value) continue;
    const { span } = reference;
    if (span.start === parsed.ast.start && span.end === parsed.ast.end) whole = value.place;
    const argument = passed.find(({ start, end }) => start === span.start && end === span.end);
    const rule = argument && policies.get(argument.policy);
    const parameter = rule?.parameters[argument?.index ?? -1];
    if (rule && argument && parameter !== undefined) {
      // The policy's condition is not checked by itself against types: its parameters have none. Here they do.
      throughPolicy(argument.policy, rule, parameter, value, 0);
      continue;
    }
    noteRead(value, expression.locate(span), reference.comparedWith);
    if (reference.comparedWith !== undefined) checkComparison(expression, reference, value.place, found);
  }
  const diagnostics = found.filter((one) => {
    const key = `${one.code} ${one.range?.start.offset} ${one.message}`;
    return seen.size < seen.add(key).size;
  });
  return { diagnostics, reads, ...(whole && { place: whole }) };

  function noteRead(value: Followed, at: Location, comparedWith: Reference['comparedWith']): void {
    if (!value.source) return;
    reads.push({
      source: value.source,
      path: toPointer(value.path),
      at,
      expression: expression.source,
      ...(comparedWith !== undefined && { comparedWith }),
    });
  }

  function throughPolicy(
    name: string,
    rule: PolicyRule,
    parameter: string,
    value: Followed,
    depth: number,
  ): void {
    const argument = passed.find(
      ({ policy, index }) => policy === name && rule.parameters[index] === parameter,
    );
    const at = argument ? expression.locate(argument) : expression.at;
    const inner = policyArguments(rule.condition.ast);
    for (const reference of references(rule.condition.ast)) {
      if (reference.root !== parameter) continue;
      let here: Followed = value;
      let isKnown = true;
      for (const { name: field } of reference.path) {
        const next = fieldOf(here.place, field);
        if (!next.place) {
          isKnown = false;
          found.push(
            diagnostic('unknown-field', {
              message: `policy \`${name}\` reads \`${field}\`, which its argument lacks`,
              at,
              subject: `${expression.source} ${name} ${field}`,
              ...withFix(suggestion(field, next.candidates)),
            }),
          );
          break;
        }
        here = { ...here, place: next.place, path: [...here.path, field] };
      }
      if (!isKnown) continue;
      const onward = inner.find(
        ({ start, end }) => start === reference.span.start && end === reference.span.end,
      );
      const target = onward && policies.get(onward.policy);
      const passedOn = target?.parameters[onward?.index ?? -1];
      if (target && onward && passedOn !== undefined && depth < POLICY_DEPTH_MAX)
        throughPolicy(onward.policy, target, passedOn, here, depth + 1);
      else noteRead(here, at, reference.comparedWith);
    }
  }
}

/** Policies that call policies, at most. */
const POLICY_DEPTH_MAX = 16;

/** Where a reference has led. */
interface Followed {
  readonly place: Place;
  readonly source?: UsageTarget;
  readonly path: readonly string[];
}

function checkCalls(expression: SpecExpression, policies: PolicyRules): Diagnostic[] {
  return calls(expression.parsed.ast).flatMap((call): Diagnostic[] => {
    const at = expression.locate(call.nameSpan);
    if (call.namespace === 'policy') {
      const arity = policies.get(call.name)?.parameters.length;
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
): Followed | undefined {
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
  return { place, path: path.map(({ name }) => name), ...(value.source && { source: value.source }) };

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
  const name = expression.parsed.source.slice(reference.span.start, reference.span.end);
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
    const start = expression.parsed.source.indexOf(written);
    if (start >= 0 && expression.parsed.source.indexOf(written, start + 1) < 0)
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
