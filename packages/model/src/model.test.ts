import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atPointer,
  canonicalJson,
  changedPointers,
  compareDiagnostics,
  diagnosticMaker,
  didYouMean,
  digestOf,
  formatDuration,
  fromPointer,
  isSecretReference,
  type Json,
  newId,
  parseDuration,
  parseSecretReference,
  Secret,
  seededRandom,
  sleep,
  systemClock,
  toPointer,
  unmetPointers,
} from './index.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['30d', 2_592_000_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '5', 'm', '1.5s', '-1s', '1 s', '1y', `${'9'.repeat(30)}d`])('%j is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it('what is formatted parses back to itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => parseDuration(formatDuration(ms)) === ms),
    );
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order of keys, and leaves undefined out', () => {
    expect(canonicalJson({ b: 1, a: [undefined, { d: 0, c: undefined }] })).toBe(
      '{"a":[null,{"d":0}],"b":1}',
    );
  });

  it('means the same value, and equal values give equal digests', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(digestOf(JSON.parse(text))).toBe(digestOf(value));
      }),
    );
  });
});

describe('JSON Pointer', () => {
  it('tokens survive the way there and back', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (tokens) => {
        expect(fromPointer(toPointer(tokens))).toEqual(tokens);
      }),
    );
  });

  it('name what differs, and what is not as it is wanted', () => {
    const before = { a: 1, b: { c: [1, 2], d: null }, e: 'x' };
    expect(changedPointers(before, { a: 1, b: { c: [1, 3], d: null } }, 9)).toEqual(['/b/c', '/e']);
    expect(unmetPointers({ b: { c: [1, 2], gone: null } }, before, 9)).toEqual([]);
    expect(unmetPointers({ a: 2, b: { d: 0 }, new: 1 }, before, 2)).toEqual(['/a', '/b/d']);
    expect(unmetPointers({ a: 1 }, 'something else', 9)).toEqual(['']);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (wanted, other) => {
        // What fast-check calls a JSON value is one.
        const [one, two] = [wanted as Json, other as Json];
        expect(changedPointers(one, one, 9)).toEqual([]);
        expect(unmetPointers(one, { ...(one as object), more: two }, 9)).toEqual(
          Object.hasOwn(wanted, 'more') && canonicalJson(wanted['more']) !== canonicalJson(other)
            ? unmetPointers({ more: wanted['more'] as Json }, { more: two }, 9)
            : [],
        );
      }),
    );
  });

  it('reads own members only', () => {
    expect(atPointer({ a: [{ '/': 1 }] }, '/a/0/~1')).toBe(1);
    for (const pointer of ['/constructor', '/a/length', '/a/-1', '/a/01'])
      expect(atPointer({ a: [1] }, pointer)).toBeUndefined();
  });
});

describe('secrets', () => {
  const secret = new Secret('env:KEY', 'hunter2');
  it('print as [secret] whatever prints them', () => {
    const printed = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      canonicalJson({ ...secret }),
      format('%o %O %s %j', secret, { secret }, secret, [secret]),
      inspect(new Error(`had ${secret}`, { cause: secret })),
      inspect(new AggregateError([secret], 'many', { cause: { secret } }), { showHidden: true, depth: 9 }),
      inspect(structuredClone(secret)) + JSON.stringify(structuredClone({ secret })),
      inspect(Object.entries(Object.getOwnPropertyDescriptors(secret)), { showHidden: true, depth: 9 }),
      serialize(secret).toString('latin1'),
    ];
    expect(printed.join()).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });

  it('are referred to, never written', () => {
    expect(
      [
        'env:KEY',
        'file:run/key',
        'vault:secret/billing/api#token',
        'vault:secret/billing#token@previous',
        'aws:prod/billing',
        'aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/billing-AbC123#key@previous',
        'gcp:billing-key@7',
        'gcp:projects/p/secrets/billing#key',
      ].filter((text) => !isSecretReference(text)),
    ).toEqual([]);
    expect(
      [
        'hunter2',
        'env:',
        'env:a b',
        'vault:x',
        'vault:secret/x',
        'vault:secret/x#f@0',
        'aws:',
        'gcp:a b',
      ].filter(isSecretReference),
    ).toEqual([]);
    expect(parseSecretReference('vault:secret/a/b#f@3')).toEqual({
      reference: 'vault:secret/a/b#f@3',
      scheme: 'vault',
      path: 'secret/a/b',
      field: 'f',
      version: 3,
    });
  });
});

describe('didYouMean', () => {
  it.each([
    ['createInvioce', 'createInvoice'],
    ['CREATEINVOICE', 'createInvoice'],
    ['voidInvoices', 'voidInvoice'],
    ['xyz', undefined],
  ])('%s → %s', (name, meant) =>
    expect(didYouMean(name, ['createInvoice', 'voidInvoice', 'listInvoices'])).toBe(meant),
  );
});

describe('ids, chance and time', () => {
  it('ids sort by time and the same seed gives the same id', () => {
    const at = (now: number) => newId({ ...systemClock, now: () => now }, seededRandom(1));
    expect(at(1_000) < at(2_000)).toBe(true);
    expect(at(5)).toBe(at(5));
    expect(at(5)).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
  });

  it('a sleep ends early when its signal aborts', async () => {
    const controller = new AbortController();
    const slept = sleep(systemClock, 60_000, controller.signal);
    controller.abort();
    await slept;
    await sleep(systemClock, 60_000, controller.signal);
  });
});

describe('diagnostics', () => {
  const make = diagnosticMaker({
    'field-unknown': { severity: 'error', title: 't', why: 'general why', fix: 'general fix' },
  });
  const position = (offset: number) => ({ line: 1, column: offset + 1, offset });

  it('take why and fix from the rule unless the case says better', () => {
    expect(make('field-unknown', { message: 'm' })).toMatchObject({
      severity: 'error',
      why: 'general why',
      fix: 'general fix',
    });
    expect(make('field-unknown', { message: 'm', fix: 'write `id`' }).fix).toBe('write `id`');
  });

  it('keep their fingerprint when the line moves, and differ by subject', () => {
    const at = (offset: number) => ({
      file: 'a.yaml',
      range: { start: position(offset), end: position(offset + 1) },
    });
    const [first, moved, other] = [
      make('field-unknown', { message: 'm', at: at(0) }),
      make('field-unknown', { message: 'm', at: at(9) }),
      make('field-unknown', { message: 'm', at: at(0), subject: 'x' }),
    ];
    expect(first!.fingerprint).toBe(moved!.fingerprint);
    expect(first!.fingerprint).not.toBe(other!.fingerprint);
    expect([moved!, first!].sort(compareDiagnostics)[0]).toBe(first);
  });
});
