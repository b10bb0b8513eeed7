import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { SteadyClock } from '@tenon/model';
import { authenticate, isGuessable, type Operator, tokenOf } from './operators.ts';
import type { Problem } from './problem.ts';

export type Asked =
  | { readonly ok: true; readonly actor: Operator }
  | { readonly ok: false; readonly problem: Problem };

/** Tokens of nobody that are looked at from one source, at once and then one in each such time. */
const GUESSES_MAX = 10;
/** What each costs. */
const GUESS_MS = 6_000;
const LEFT_MS_MAX = GUESSES_MAX * GUESS_MS;
/** Of a source those are remembered that it showed last. */
const SHOWN_MAX = 32;
/** Sources known at a time; of more the one is let go that was heard of longest ago. */
const SOURCES_MAX = 10_000;

interface Source {
  /** What it has left of the time that guesses cost, at `atMs` of the steady clock. */
  leftMs: number;
  atMs: number;
  /** Digests of tokens that are nobody's: operators are those of the start, so they stay that. */
  readonly shown: Set<string>;
  isTold: boolean;
}

/**
 * Who asks, by the token that is shown. Guessing is bounded for each source, and nobody is kept out by it:
 *
 * - a token that cannot be guessed (`isGuessable`) is looked at whatever else came from there. So it may be tried at any pace, and would
 *   not be found before the sun is out;
 * - any other is not looked at while its source has shown too many of nobody: the right one, too, or the answer would tell it. So who has
 *   such a token can be kept waiting by whoever asks from the same address, behind one proxy say; a start says whose they are.
 *
 * A bound for all sources together was rejected: with it anybody would keep everybody out. So was a pause before the answer: who guesses
 * does not wait for it. `X-Forwarded-For` is not looked at, for whoever asks writes it.
 */
export class Access {
  readonly #strong: readonly Operator[];
  readonly #guessable: readonly Operator[];
  readonly #clock: Pick<SteadyClock, 'steady'>;
  readonly #log: (event: { readonly code: string; readonly message: string }) => void;
  readonly #sources = new Map<string, Source>();
  readonly #refused = { unknown: 0, limited: 0 };

  constructor(
    operators: readonly Operator[],
    clock: Pick<SteadyClock, 'steady'>,
    log: (event: { readonly code: string; readonly message: string }) => void,
  ) {
    this.#strong = operators.filter(({ token }) => !isGuessable(token.reveal()));
    this.#guessable = operators.filter(({ token }) => isGuessable(token.reveal()));
    this.#clock = clock;
    this.#log = log;
  }

  get sources(): number {
    return this.#sources.size;
  }

  /**
   * Tokens that were shown and not taken since the process began, each time that they were: `unknown`, nobody's; `limited`, not looked at. The
   * log tells of a token, and of a source that is bounded, once: how long guessing goes on only these say.
   */
  get refused(): Readonly<Record<'unknown' | 'limited', number>> {
    return this.#refused;
  }

  /** `address`: where the connection comes from. */
  of(authorization: string | undefined, address: string | undefined): Asked {
    const presented = tokenOf(authorization);
    if (presented === undefined) return { ok: false, problem: notAuthenticated };
    const strong = authenticate(presented, this.#strong);
    if (strong) return { ok: true, actor: strong };
    const name = networkOf(address ?? '');
    const digest = createHash('sha256').update(presented).digest('base64');
    const known = this.#sources.get(name);
    if (known?.shown.has(digest)) {
      this.#refused.unknown++;
      return { ok: false, problem: notAuthenticated };
    }
    const source = this.#regained(known);
    if (source.leftMs < GUESS_MS) return { ok: false, problem: this.#limited(name, source) };
    const actor = authenticate(presented, this.#guessable);
    if (actor) return { ok: true, actor };
    this.#guessed(name, source, digest);
    return { ok: false, problem: notAuthenticated };
  }

  #regained(known: Source | undefined): Source {
    const nowMs = this.#clock.steady();
    if (known === undefined) return { leftMs: LEFT_MS_MAX, atMs: nowMs, shown: new Set(), isTold: false };
    known.leftMs = Math.min(LEFT_MS_MAX, known.leftMs + nowMs - known.atMs);
    known.atMs = nowMs;
    if (known.leftMs === LEFT_MS_MAX) known.isTold = false;
    return known;
  }

  #guessed(name: string, source: Source, digest: string): void {
    this.#refused.unknown++;
    source.leftMs -= GUESS_MS;
    source.shown.add(digest);
    for (const oldest of source.shown) {
      if (source.shown.size <= SHOWN_MAX) break;
      source.shown.delete(oldest);
    }
    this.#sources.delete(name);
    this.#sources.set(name, source);
    for (const oldest of this.#sources.keys()) {
      if (this.#sources.size <= SOURCES_MAX) break;
      this.#sources.delete(oldest);
    }
    this.#log({
      code: notAuthenticated.code,
      message: `${shownNetwork(name)} showed a token that is no operator’s`,
    });
  }

  #limited(name: string, source: Source): Problem {
    this.#refused.limited++;
    if (!source.isTold)
      this.#log({
        code: tooMany.code,
        message: `${shownNetwork(name)} showed ${GUESSES_MAX} tokens that are no operator’s; of those that can be guessed one in ${GUESS_MS / 1_000} s is looked at from there`,
      });
    source.isTold = true;
    return { ...tooMany, retryAfterMs: GUESS_MS - source.leftMs };
  }
}

const notAuthenticated: Problem = {
  status: 401,
  code: 'ACCESS_TOKEN_MISSING',
  title: 'Who are you?',
  detail: 'send `Authorization: Bearer` with the token of an operator named in tenon.config.yaml',
};

const tooMany: Problem = {
  status: 429,
  code: 'ACCESS_GUESSES_LIMITED',
  title: 'Too many tokens',
  detail:
    'too many tokens that are no operator’s came from this address: one that could be guessed is not looked at for now, a long random one is',
};

/** For the log, which outlives the reason for it: a whole address is of a person. Enough to tell an attack from a colleague's old token. */
function shownNetwork(name: string): string {
  if (name.endsWith('::/64')) return `${name.split(':').slice(0, 3).join(':')}::/48`;
  return /^[\d.]+$/.test(name) ? `${name.split('.').slice(0, 3).join('.')}.0/24` : name;
}

/** Whoever has one address of IPv6 has the 64 bits behind it as well. */
function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = tail === undefined ? before : [...before, ...zeros, ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
