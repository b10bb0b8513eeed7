import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import type { Json } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { outOfProfile, skipped } from './cel-spec.skips.ts';
import { compileExpression } from './compile.ts';

/**
 * CEL's own conformance suite, as @bufbuild/cel-spec ships it. A case passes, or what it needs is named in the table
 * of things that JSON has not, or it is skipped by name with a reason. A reason that nothing needs any more fails.
 */
interface Case {
  readonly path: string;
  readonly source: string;
  readonly bindings: Readonly<Record<string, { readonly value?: CelValue }>>;
  readonly value?: CelValue;
  readonly isError: boolean;
}
type CelValue = Readonly<Record<string, unknown>>;
interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: Readonly<Record<string, unknown>> }[];
}

const results = casesOf(tests as Suite, '').map((one) => ({ ...one, result: run(one) }));
const failed = results.filter((one) => one.result !== 'passed');
const reasonOf = (one: (typeof results)[number]): string | undefined =>
  skipped[one.path] ?? Object.entries(outOfProfile).find(([, test]) => test(one.path, one.source))?.[0];

describe('CEL conformance', () => {
  it('holds for every case that is neither out of profile nor skipped', () => {
    expect(
      failed.filter((one) => reasonOf(one) === undefined).map((one) => `${one.path}: ${one.source}`),
    ).toEqual([]);
  });

  it('has no stale skip', () => {
    const failing = new Set(failed.map((one) => one.path));
    expect(Object.keys(skipped).filter((path) => !failing.has(path))).toEqual([]);
  });

  it('has no stale reason to be out of profile', () => {
    const used = new Set(failed.map(reasonOf));
    expect(Object.keys(outOfProfile).filter((reason) => !used.has(reason))).toEqual([]);
  });

  it('is not vacuous', () => {
    expect(results.length - failed.length).toBeGreaterThan(780);
  });
});

function run(one: Case): string {
  const scope: Record<string, Json> = {};
  for (const [name, binding] of Object.entries(one.bindings)) {
    const value = toJson(binding.value ?? {});
    if (value === undefined) return 'a binding is no JSON';
    scope[name] = value;
  }
  try {
    const result = compileExpression(one.source).evaluate(scope);
    if (!result.ok) {
      const isOurs = result.error.code === 'EXPRESSION_FUNCTION_UNKNOWN';
      return one.isError && !isOurs ? 'passed' : result.error.message;
    }
    if (one.isError) return 'gives a value';
    const expected = one.value === undefined ? true : toJson(one.value);
    if (expected === undefined) return 'the result is no JSON';
    expect(result.value).toEqual(expected);
    return 'passed';
  } catch (thrown) {
    return String(thrown);
  }
}

function casesOf(suite: Suite, path: string): Case[] {
  const here = (suite.tests ?? []).map(({ original }) => ({
    path: `${path}/${String(original['name'])}`,
    source: String(original['expr']),
    bindings: (original['bindings'] ?? {}) as Case['bindings'],
    ...(original['value'] !== undefined && { value: original['value'] as CelValue }),
    isError: original['evalError'] !== undefined,
  }));
  const below = (suite.suites ?? []).flatMap((inner) =>
    casesOf(inner, path === '' ? inner.name : `${path}/${inner.name}`),
  );
  return [...here, ...below];
}

/** A value in the suite's notation as JSON; `undefined` for what JSON has not. */
function toJson(value: CelValue): Json | undefined {
  const [[kind, content] = ['', undefined]] = Object.entries(value);
  switch (kind) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'stringValue':
      return content as boolean | string;
    case 'doubleValue':
      // NaN and infinities are strings in this notation.
      return typeof content === 'number' ? content : undefined;
    case 'int64Value':
      return Number.isSafeInteger(Number(content)) ? Number(content) : undefined;
    case 'listValue': {
      const items = ((content as { values?: CelValue[] }).values ?? []).map(toJson);
      return items.includes(undefined) ? undefined : (items as Json[]);
    }
    case 'mapValue': {
      const entries = (content as { entries?: { key: CelValue; value: CelValue }[] }).entries ?? [];
      const pairs = entries.map((entry) => [toJson(entry.key), toJson(entry.value)] as const);
      if (pairs.some(([key, inner]) => typeof key !== 'string' || inner === undefined)) return undefined;
      return Object.fromEntries(pairs) as Json;
    }
    case 'objectValue': {
      const { '@type': type, value: text } = content as { '@type': string; value?: string };
      return /(Timestamp|Duration)$/.test(type) ? text : undefined;
    }
    default:
      return undefined;
  }
}
