import { diffContracts } from '@tenon/diff';
import { canonicalJson, seededRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import containmentAdjudicated from './containment.adjudicated.json' with { type: 'json' };
import { containmentPairs, runContainment } from './containment.ts';
import { hasCorpora, mustHaveCorpora } from './corpus.ts';
import { rewriteSomewhere } from './equivalence.ts';
import { runFuzz } from './fuzz.ts';
import { mutateSomewhere } from './mutations.ts';
import oasdiffAdjudicated from './oasdiff.adjudicated.json' with { type: 'json' };
import { oasdiffPairs, runOasdiff } from './oasdiff.ts';
import { subjects } from './subjects.ts';

// Samples of what `figures.ts` measures whole.
describe.skipIf(!hasCorpora && !mustHaveCorpora)('the contract diff on data that others labelled', () => {
  it('contradicts no label of the containment corpus but those that a witness refutes', () => {
    const known = new Set(containmentAdjudicated.map(({ sub, sup }) => canonicalJson([sub, sup])));
    const { questions, decided, wrong } = runContainment(containmentPairs(), 61);
    expect(wrong.filter(({ sub, sup }) => !known.has(canonicalJson([sub, sup])))).toEqual([]);
    expect(wrong.filter(({ isRefuted }) => !isRefuted)).toEqual([]);
    expect(decided / questions).toBeGreaterThan(0.95);
  });

  it('differs from oasdiff only where that is adjudicated', async () => {
    const known = new Set(oasdiffAdjudicated.map(({ name }) => name));
    const sample = oasdiffPairs().filter((_, i) => i % 9 === 0);
    const results = await runOasdiff(sample, Date.UTC(2026, 10, 21));
    const differ = results.filter(({ pair, isBreaking }) => isBreaking !== (pair.verdict === 'breaking'));
    expect(differ.map(({ pair }) => pair.name).filter((name) => !known.has(name))).toEqual([]);
  });
});

describe.skipIf(!hasCorpora && !mustHaveCorpora)('the contract diff on real documents', () => {
  it('raises no alarm for another spelling, and finds every tightened keyword', async () => {
    const random = seededRandom(7);
    const list = await subjects(random, 3);
    for (const subject of list) {
      const base = subject.contractWith(subject.whole);
      const rewritten = rewriteSomewhere(subject.whole, random);
      if (rewritten) {
        const { findings, undecided } = diffContracts(base, subject.contractWith(rewritten.whole));
        const loud = findings.filter(({ severity }) => severity === 'breaking' || severity === 'risky');
        expect([loud, undecided], `${rewritten.name} in ${subject.name}`).toEqual([[], []]);
      }
      const mutated = mutateSomewhere(subject.whole, random);
      if (!mutated) continue;
      const { findings } = diffContracts(base, subject.contractWith(mutated.whole));
      expect(findings.length, `${mutated.name} in ${subject.name}`).toBeGreaterThan(0);
    }
  });
});

it('claims no inclusion that random values refute', () => {
  const { crashes, refuted } = runFuzz(150, 5, () => 0);
  expect([crashes, refuted]).toEqual([[], []]);
});
