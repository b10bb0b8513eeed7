import { sendsKey } from '@tenon/connector';
import type { Failure, Json, JsonObject } from '@tenon/model';
import { doneFact, failureDetails, versionText } from './effect-facts.ts';
import { probe } from './probe.ts';
import { saltedDigest } from './salted-digest.ts';
import { nthOf, type Tries } from './tries.ts';

type Settled =
  | { readonly as: 'happened'; readonly value: Json; readonly nth?: number }
  | { readonly as: 'absent'; readonly nextAtMs?: number }
  | { readonly as: 'redo' }
  | { readonly as: 'givenUp'; readonly givenUp: { readonly happened?: Json; readonly nth?: number } };

/** Finds out what became of an attempt with an unknown outcome: by its probe, else by a person. */
export async function settle(
  tries: Tries,
  n: number,
  attempt: { readonly failure: Failure; readonly startedAtMs: number; readonly endedAtMs: number },
): Promise<Settled> {
  const { ctx, effect, budgetStartedAtMs: firstAtMs } = tries;
  // What a process before this one sent was begun here when that was found out.
  const sentAtMs = tries.intendedAtMs ?? attempt.startedAtMs;
  const evidence: Record<string, Json> = {
    operation: effect.operation.name,
    connection: effect.connection,
    attempt: n,
    // The first of several may be the one that took effect.
    ...(firstAtMs !== undefined && firstAtMs < sentAtMs && { firstSentAtMs: firstAtMs }),
    sentAtMs,
    request: saltedDigest(ctx.run.salt, effect.input),
    ...(effect.version !== undefined && { version: versionText(effect.version) }),
    ...failureDetails(attempt.failure),
  };
  if (effect.probe !== undefined) {
    await ctx.sleepUntil(attempt.endedAtMs + effect.probe.settleMs, effect.place);
    const probed = await probe(tries, effect.probe, n, attempt);
    if (probed.found === 'yes') return { as: 'happened', value: probed.value, ...nthOf(probed) };
    // What was changed since says nothing of who changed it, ours may be below it: absence of a write of a version is
    // proven by its conflict alone.
    if (probed.found === 'no' && effect.version === undefined)
      return { as: 'absent', ...(probed.nextAtMs !== undefined && { nextAtMs: probed.nextAtMs }) };
    evidence['probe'] =
      probed.found === 'no'
        ? { found: 'no', ...(probed.differs && { differs: probed.differs }) }
        : failureDetails(probed.failure);
  }
  return askPerson(tries, n, evidence);
}

async function askPerson(tries: Tries, n: number, evidence: JsonObject): Promise<Settled> {
  const { ctx, effect, key } = tries;
  const name = `${effect.id}#${n}~`;
  const detail = {
    operation: effect.operation.name,
    ...(sendsKey(effect.operation) && { idempotencyKey: key }),
    attempt: n,
    evidence,
  };
  const signal = await ctx.signal(name, {
    state: 'inDoubt',
    opening: { kind: 'doubt', key: name, step: effect.place, owner: effect.owner, detail },
    facts: [{ kind: 'inDoubt', step: effect.place, attempt: n, details: { ...detail, owner: effect.owner } }],
  });
  if (signal.as !== 'value') throw new Error(`a doubt was ended by ${signal.as}, not by a verdict`);
  // The operations API writes it: see `Verdict`.
  const verdict = signal.value as unknown as Verdict;
  switch (verdict.verdict) {
    case 'confirm': {
      const nth = await adopt(tries, n);
      return { as: 'happened', value: verdict.result ?? null, ...nthOf({ nth }) };
    }
    case 'redo':
      return { as: 'redo' };
    case 'compensate':
      if (verdict.result === undefined) return { as: 'givenUp', givenUp: {} };
      return {
        as: 'givenUp',
        givenUp: { happened: verdict.result, ...nthOf({ nth: await adopt(tries, n) }) },
      };
  }
}

/** Records that an effect is known to have happened, by a person's word: from here on it is one to be undone. */
async function adopt({ ctx, effect }: Tries, n: number): Promise<number | undefined> {
  const adopted = await ctx.step(`${effect.id}#${n}=`, () => ({
    value: { atMs: ctx.now() } satisfies JsonObject as JsonObject,
    facts: [doneFact(effect, n)],
    numbered: true,
  }));
  const { nth } = adopted;
  return typeof nth === 'number' ? nth : undefined;
}

/** A person's word on an effect in doubt, as it is journaled. */
export interface Verdict {
  readonly verdict: 'confirm' | 'redo' | 'compensate';
  readonly actor: string;
  readonly reason: string;
  readonly result?: Json;
}
