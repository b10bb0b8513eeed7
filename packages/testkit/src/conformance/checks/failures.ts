import { connectorFailures, type FailureRule } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import { compileExpression, parseExpression } from '@tenon/expression';
import type { Json, JsonObject } from '@tenon/model';
import { problemOfAll, type RuleProblem } from '@tenon/pipeline';
import { type Bench, type BenchOperation, isHttp } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { answerThatMeets } from '../meet-condition.ts';
import { says } from '../says.ts';

/** 3xx: what answers mean. */
export const failureChecks: readonly Check[] = [
  {
    number: 301,
    name: 'failure-is-no-success',
    title: 'no refusal of the other side is taken for success',
    why: 'A refused write that passes for done is lost without a trace.',
    fix: 'Every status outside 2xx is a failure; say in `failures` which.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp))
        for (const status of [301, 400, 403, 404, 409, 410, 422, 500, 503]) {
          const result = await answered(bench, operation, { status });
          tally.expect(!result.ok, `${operation.name}: ${says(result)} for a ${status}`);
        }
      return tally.verdict('answers');
    },
  },
  {
    number: 302,
    name: 'failure-rules-hold',
    title: 'each failure rule yields its class',
    why: 'A rule that never applies (an earlier one takes its answers, its condition reads a field that they do not have) promises a class that no caller will see.',
    fix: 'Put the narrower rule first, and read fields that the contract has (an overlay declares what its document leaves out). Where no answer could be made for a `when`, give its body in `fixtures/conformance.yaml` under `failures`.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const { operation, rule, key, index } of rulesOf(bench)) {
        const label = `${key}.failures[${index}] (${rule.status}${rule.when === undefined ? '' : `, when ${rule.when}`})`;
        const given = bench.subject.fixtures.failures[key]?.[index];
        // A body that is given is one that the system sends, whatever the contract says of it.
        const problem = given === undefined ? problemOf(bench, operation, key, rule) : undefined;
        if (problem !== undefined) {
          tally.expect(
            false,
            `${label}: ${problem.message}${problem.fix === undefined ? '' : `; ${problem.fix}`}`,
          );
          continue;
        }
        const answer = answerFor(bench, operation, rule, given);
        if (answer === undefined) {
          tally.expect(false, `${label}: no answer could be made that meets its condition`);
          continue;
        }
        const result = await answered(bench, operation, answer);
        const isIt = !result.ok && result.failure.class === rule.class;
        tally.expect(isIt, `${label} says ${rule.class}; on ${operation.name} it was ${says(result)}`);
      }
      return tally.verdict('rules', 'the manifest has no failure rules: the built-in table holds');
    },
  },
  {
    number: 303,
    name: 'statuses-mapped',
    title: 'every status that the contract documents has a class',
    why: 'A status that nothing maps is class `unknown`: never retried, and nobody knows what to do about it.',
    fix: 'Add a rule for each status listed.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp))
        for (const status of documented(operation.operation)) {
          const result = await answered(bench, operation, { status });
          const isMapped = !result.ok && result.failure.class !== 'unknown';
          tally.expect(isMapped, `${operation.name}: ${status} is mapped by no rule`);
        }
      return tally.verdict('statuses', 'the contract documents no status of failure');
    },
  },
  {
    number: 304,
    name: 'gateway-answer-is-in-doubt',
    title: 'after a gateway’s 502 or 504 an effect is in doubt',
    why: 'A gateway answers for a service that it lost: the effect may have happened.',
    fix: 'Keep delivery `lost` for 502 and 504.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp))
        for (const status of [502, 504]) {
          const result = await answered(bench, operation, { status });
          const isLost = !result.ok && result.failure.delivery === 'lost';
          tally.expect(isLost, `${operation.name}: ${says(result)} for a ${status}`);
        }
      return tally.verdict('answers', 'the connector has no effects');
    },
  },
  {
    number: 305,
    name: 'failure-codes-explained',
    title: 'every failure carries a code that can be looked up',
    why: 'Whoever is on call at night has the code and nothing else.',
    fix: 'Use codes of the form `AREA_SUBJECT_CONDITION`; one of the connector’s own is explained in its README.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      const readme = bench.subject.readme ?? '';
      for (const operation of bench.operations.filter(isHttp))
        for (const status of [400, 503]) {
          const result = await answered(bench, operation, { status });
          if (result.ok) continue;
          const { code } = result.failure;
          const isKnown = Object.hasOwn(connectorFailures, code) || readme.includes(code);
          tally.expect(
            isKnown && /^[A-Z]+(_[A-Z0-9]+)+$/.test(code),
            `${operation.name}: nothing explains ${code}`,
          );
        }
      return tally.verdict('failures');
    },
  },
];

interface MadeAnswer {
  readonly status: number;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One call that is answered so. */
async function answered(
  bench: Bench,
  operation: BenchOperation,
  answer: MadeAnswer,
): ReturnType<Bench['call']> {
  const input = await bench.ready(operation);
  bench.sandbox.faults.add({ fault: { kind: 'status', ...answer }, operation: operation.name });
  return bench.call(operation, input);
}

interface PlacedRule {
  readonly operation: BenchOperation & { readonly operation: HttpOperation };
  readonly rule: FailureRule;
  /** Operation's name, or `defaults`. */
  readonly key: string;
  readonly index: number;
}

/** Every rule once, each with an operation that it can be tried on: those of all on one whose own rules leave it room. */
function rulesOf(bench: Bench): PlacedRule[] {
  const operations = bench.operations.filter(isHttp);
  const own = operations.flatMap((operation) =>
    operation.declared.failures.map((rule, index) => ({ operation, rule, key: operation.name, index })),
  );
  const freest = operations.toSorted((a, b) => a.declared.failures.length - b.declared.failures.length)[0];
  const shared = freest
    ? bench.subject.manifest.defaults.failures.map((rule, index) => ({
        operation: freest,
        rule,
        key: 'defaults',
        index,
      }))
    : [];
  return [...own, ...shared];
}

/** What a rule reads and its answers do not have, as the contract has them: one for all, where no operation's have it. */
function problemOf(
  { operations, subject: { contract } }: Bench,
  operation: PlacedRule['operation'],
  key: string,
  rule: FailureRule,
): RuleProblem | undefined {
  const about = key === 'defaults' ? operations.filter(isHttp) : [operation];
  return problemOfAll(
    contract,
    about.map((one) => one.operation),
    rule,
  );
}

/** An answer that a rule is about and, of several statuses, one that no earlier rule takes. */
function answerFor(
  { subject }: Bench,
  operation: BenchOperation & { readonly operation: HttpOperation },
  rule: FailureRule,
  given: Json | undefined,
): MadeAnswer | undefined {
  const statuses = statusesOf(rule.status);
  // A class of statuses is there for those that no other rule names.
  const free = statuses.find(
    (status) => !operation.plan.failures.some((other) => other !== rule && other.status === String(status)),
  );
  const status = free ?? statuses[0]!;
  if (rule.when === undefined) return { status, ...(given !== undefined && { body: given }) };
  const parsed = parseExpression(rule.when);
  const candidates: readonly { readonly body: Json; readonly headers: Readonly<Record<string, string>> }[] =
    given === undefined
      ? answerThatMeets(parsed.ast, subject.contract, operation.operation, status)
      : [{ body: given, headers: {} }];
  const condition = compileExpression(rule.when);
  const fitting = candidates.find(({ body, headers }) => {
    const held = condition.evaluate({ status, headers, body } as JsonObject);
    return held.ok && held.value === true;
  });
  return fitting && { status, ...fitting };
}

function statusesOf(pattern: string): readonly number[] {
  if (pattern === 'default') return [418, 599];
  const first = Number(pattern[0]);
  if (pattern.endsWith('xx')) return Array.from({ length: 99 }, (_, index) => first * 100 + 99 - index);
  return [Number(pattern)];
}

/** Failure statuses that the contract names for an operation one by one. */
function documented(operation: HttpOperation): number[] {
  return operation.responses.flatMap(({ status }) => (/^[45]\d\d$/.test(status) ? [Number(status)] : []));
}
