import { type Bench, type BenchOperation, isHttp } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { exampleInput } from '../example-input.ts';
import { says } from '../says.ts';

const WAIT_SECONDS = 7;
const WAIT_UNTIL_MS = 120_000;
/** A quota small enough to be spent at once. */
const QUOTA = 5;

/** 5xx: how often, and how long to wait. */
export const limitChecks: readonly Check[] = [
  {
    number: 501,
    name: 'retry-after-seconds',
    title: '`Retry-After` in seconds is passed on',
    why: 'Asked to wait and asking on regardless is how a client gets itself blocked.',
    fix: 'Give `retryAfterMs` in the failure.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp)) {
        const wait = await told(bench, operation, String(WAIT_SECONDS));
        const isRight = wait !== undefined && Math.abs(wait - WAIT_SECONDS * 1_000) <= 1_000;
        tally.expect(
          isRight,
          `${operation.name}: told to wait ${WAIT_SECONDS} s, it says ${wait ?? 'nothing'}`,
        );
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 502,
    name: 'retry-after-date',
    title: '`Retry-After` as a date is passed on',
    why: 'RFC 9110 allows both forms, and gateways use the other one.',
    fix: 'Give `retryAfterMs` in the failure, reckoned from the clock that was handed in.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp)) {
        const wait = await told(bench, operation, new Date(bench.clock.now() + WAIT_UNTIL_MS).toUTCString());
        const isRight = wait !== undefined && Math.abs(wait - WAIT_UNTIL_MS) <= 5_000;
        tally.expect(isRight, `${operation.name}: told to wait until a date, it says ${wait ?? 'nothing'}`);
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 503,
    name: 'quota-held',
    title: 'the quota is declared and held: what it does not cover is not sent',
    why: 'Running into the other side’s limit takes the calls of everyone who shares the account with it.',
    fix: 'Declare `defaults.rateLimit` with the quota that the system documents.',
    needs: 'sandbox',
    skip: ({ manifest, contract }) => {
      if (manifest.defaults.rateLimit !== undefined) return undefined;
      const isLimited = [...contract.operations.values()].some(
        (operation) =>
          operation.kind === 'http' &&
          operation.responses.some(
            ({ status, headers }) => status === '429' || headers.some(({ name }) => /ratelimit/i.test(name)),
          ),
      );
      return isLimited ? undefined : 'neither contract nor manifest knows a limit';
    },
    run: async (bench) => {
      const declared = bench.subject.manifest.defaults.rateLimit;
      if (declared === undefined)
        return {
          looked: '1 manifest',
          problems: [
            'the contract documents a limit (429, or rate limit headers), and the manifest declares no `rateLimit`',
          ],
        };
      const operation = bench.reads.find(isHttp) ?? bench.operations.find(isHttp);
      if (operation === undefined) return { skip: 'it has no operation to call' };
      const tally = new Tally();
      const over = bench.transport({ rateLimit: { ...declared, quota: QUOTA, windowMs: 60_000 } });
      const input = exampleInput(bench.subject, operation, 0);
      const before = bench.seen(operation.name).length;
      const results = await Promise.all(
        Array.from({ length: QUOTA + 3 }, (_, index) =>
          bench.call(operation, input, {
            over,
            idempotencyKey: `quota-${index}`,
            deadlineAt: bench.clock.now() + 1_000,
          }),
        ),
      );
      const sent = bench.seen(operation.name).length - before;
      tally.expect(sent <= QUOTA, `${sent} requests went out under a quota of ${QUOTA}`);
      const over3 = results.filter(
        (result) =>
          !result.ok && result.failure.class === 'rateLimited' && result.failure.delivery === 'notSent',
      );
      tally.expect(
        over3.length >= 3,
        `of ${QUOTA + 3} calls under a quota of ${QUOTA}, ${over3.length} were held back`,
      );
      return tally.verdict('rounds');
    },
  },
  {
    number: 504,
    name: 'asked-to-wait-waits',
    title: 'after being told to slow down, the connection is left alone for that long',
    why: 'The other callers of the connection know nothing of the answer that one of them got.',
    fix: 'Pass the wait on in the failure: the guard holds the others.',
    needs: 'sandbox',
    skip: ({ manifest }) =>
      manifest.defaults.rateLimit ? undefined : 'the manifest declares no `rateLimit`',
    run: async (bench) => {
      const operation = bench.reads.find(isHttp) ?? bench.operations.find(isHttp);
      if (operation === undefined) return { skip: 'it has no operation to call' };
      const tally = new Tally();
      const input = exampleInput(bench.subject, operation, 0);
      const over = bench.transport({ rateLimit: bench.subject.manifest.defaults.rateLimit });
      bench.sandbox.faults.add({
        fault: { kind: 'status', status: 429, headers: { 'retry-after': '60' } },
        operation: operation.name,
        times: 1,
      });
      await bench.call(operation, input, { over });
      const before = bench.seen(operation.name).length;
      const second = await bench.call(operation, input, { over, deadlineAt: bench.clock.now() + 300 });
      const sent = bench.seen(operation.name).length - before;
      tally.expect(
        sent === 0 && !second.ok,
        `told to wait 60 s, the next call went out at once: ${says(second)}`,
      );
      return tally.verdict('rounds');
    },
  },
];

/** What a call makes of a 429 with this `Retry-After`. */
async function told(bench: Bench, operation: BenchOperation, value: string): Promise<number | undefined> {
  const input = await bench.ready(operation);
  bench.sandbox.faults.add({
    fault: { kind: 'status', status: 429, headers: { 'retry-after': value } },
    operation: operation.name,
  });
  // What one call was told, its transport keeps to: a new one for each.
  const result = await bench.call(operation, input, { over: bench.transport() });
  return result.ok ? undefined : result.failure.retryAfterMs;
}
