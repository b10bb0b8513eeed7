import { Secret } from '@tenon/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { Access } from './access.ts';
import { isGuessable, type Operator } from './operators.ts';
import { call, logged, start } from './started-server.testing.ts';

const STRONG = 'dzC1Yt0nq3sL8vQx5mRk7hPw2bJf9gTa';
const operators: readonly Operator[] = [
  { name: 'ada', role: 'operator', token: new Secret('env:ADA', STRONG) },
  { name: 'vera', role: 'viewer', token: new Secret('env:VERA', 'vera-token') },
];

let nowMs: number;
const told: string[] = [];
let access: Access;
beforeEach(() => {
  nowMs = 1_000_000;
  told.length = 0;
  access = new Access(operators, { steady: () => nowMs }, ({ code, message }) =>
    told.push(`${code} ${message}`),
  );
});

const ask = (token: string, from = '203.0.113.7'): string => {
  const asked = access.of(`Bearer ${token}`, from);
  return asked.ok ? asked.actor.name : asked.problem.code;
};
let guesses = 0;
const guess = (times: number, from?: string): readonly string[] =>
  Array.from({ length: times }, () => ask(`guess-${guesses++}`, from));

describe('tokens of nobody', () => {
  it('are looked at ten times, and then one in six seconds', () => {
    expect(guess(12)).toEqual([
      ...Array(10).fill('ACCESS_TOKEN_MISSING'),
      'ACCESS_GUESSES_LIMITED',
      'ACCESS_GUESSES_LIMITED',
    ]);
    nowMs += 6_000;
    expect(guess(2)).toEqual(['ACCESS_TOKEN_MISSING', 'ACCESS_GUESSES_LIMITED']);
    nowMs += 3_600_000;
    expect(guess(11).filter((code) => code === 'ACCESS_TOKEN_MISSING')).toHaveLength(10);
  });

  it('a right guess that comes too soon is not told from a wrong one', () => {
    guess(10);
    expect(ask('vera-token')).toBe('ACCESS_GUESSES_LIMITED');
    nowMs += 6_000;
    expect(ask('vera-token')).toBe('vera');
  });

  it('say when to ask again', () => {
    guess(10);
    nowMs += 2_000;
    expect(access.of('Bearer one more', '203.0.113.7')).toMatchObject({
      ok: false,
      problem: { status: 429, retryAfterMs: 4_000 },
    });
  });

  it('are told of in the log, none of them with what was shown', () => {
    guess(40);
    expect(told).toHaveLength(11);
    expect(told[0]).toBe('ACCESS_TOKEN_MISSING 203.0.113.0/24 showed a token that is no operator’s');
    expect(told[10]).toMatch(/^ACCESS_GUESSES_LIMITED 203\.0\.113\.0\/24 /);
    expect(told.join(), 'whose address it is').not.toContain('203.0.113.7');
    expect(access.refused).toEqual({ unknown: 10, limited: 30 });
    ask('g', '2001:db8:7:1::9');
    expect(told.at(-1)).toContain(' 2001:db8:7::/48 showed');
    expect(told.join()).not.toContain('guess-');
  });

  it('count once each, so that a program with an old one keeps nobody from anything', () => {
    for (let times = 0; times < 1_000; times++)
      expect(ask('the one of last year')).toBe('ACCESS_TOKEN_MISSING');
    expect(access.refused, 'though each is counted').toEqual({ unknown: 1_000, limited: 0 });
    expect(ask('vera-token')).toBe('vera');
    expect(told).toHaveLength(1);
  });

  it('are not bounded where there is none', () => {
    for (let times = 0; times < 100; times++)
      expect(access.of(undefined, '203.0.113.7')).toMatchObject({
        problem: { code: 'ACCESS_TOKEN_MISSING' },
      });
    expect(ask('vera-token')).toBe('vera');
    expect(told).toEqual([]);
  });
});

describe('whoever guesses keeps nobody out', () => {
  it('who has a token that cannot be guessed, from the same address either', () => {
    guess(1_000);
    expect(ask(STRONG)).toBe('ada');
    expect(guess(1)).toEqual(['ACCESS_GUESSES_LIMITED']);
  });

  it('who asks from another address', () => {
    guess(1_000);
    expect(ask('vera-token', '203.0.113.8')).toBe('vera');
  });

  it('and is one, by whichever address of its network', () => {
    for (let nth = 0; nth < 10; nth++) ask(`g${nth}`, `2001:db8:0:1::${nth.toString(16)}`);
    expect(ask('vera-token', '2001:db8:0:1:ffff::9')).toBe('ACCESS_GUESSES_LIMITED');
    expect(ask('vera-token', '2001:db8:0:2::9')).toBe('vera');
    guess(10, '::ffff:198.51.100.1');
    expect(ask('vera-token', '198.51.100.1')).toBe('ACCESS_GUESSES_LIMITED');
  });

  it('nor fills the memory', () => {
    guess(11);
    for (let nth = 0; nth < 20_000; nth++) ask('guess', `10.${nth >> 16}.${(nth >> 8) & 255}.${nth & 255}`);
    expect(access.sources).toBe(10_000);
  });
});

it.each([
  [STRONG, false],
  ['aB1aB1aB1aB1aB1aB1aB1aB1aB1aB1', true],
  ['3f9c1a20b7de4c5586a1e0f2d4b79c31', false],
  ['7b9c61f0-6d7e-4f0a-9a51-3c2d18e4b07f', false],
  ['kJ3v_9sQz-Lw2Xb7TnE4Rg', false],
  ['ada-token', true],
  ['correct horse battery staple', true],
  ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', true],
  ['1234567890123456789012345678901234567890', true],
  ['Password-of-Ada-2026', true],
])('%s can be guessed: %s', (token, expected) => {
  expect(isGuessable(token)).toBe(expected);
});

describe('over HTTP', () => {
  const more = (nth: number): string => `wrong-${nth}`;

  it('every route is bounded alike, and says so', async () => {
    const url = await start({ findRuns: async () => [], pipelinesInForce: () => [] }, { operators });
    for (let nth = 0; nth < 10; nth++)
      expect((await call(url, more(nth), nth % 2 === 0 ? '/v1/health' : '/v1/runs')).status).toBe(401);
    for (const path of ['/v1/health', '/v1/runs', '/metrics']) {
      const answer = await call(url, 'vera-token', path);
      expect([answer.status, await answer.json()]).toMatchObject([429, { code: 'ACCESS_GUESSES_LIMITED' }]);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await call(url, STRONG, '/v1/runs')).status).toBe(200);
    expect((await fetch(`${url}/v1/health`)).status, 'and who shows none is told that it is up').toBe(200);
    expect(logged.map(({ code }) => code)).toEqual([
      ...Array(10).fill('ACCESS_TOKEN_MISSING'),
      'ACCESS_GUESSES_LIMITED',
    ]);
    expect(JSON.stringify(logged)).not.toContain('wrong-');
  });

  it('by the connection, whatever address somebody claims to come from', async () => {
    const url = await start({ findRuns: async () => [] }, { operators });
    for (let nth = 0; nth < 20; nth++)
      await fetch(`${url}/v1/runs`, {
        headers: { authorization: `Bearer ${more(nth)}`, 'x-forwarded-for': `10.0.0.${nth}` },
      });
    expect((await call(url, 'vera-token', '/v1/runs')).status).toBe(429);
    expect(logged.at(-1)?.message).toContain('127.0.0.0/24');
  });
});
