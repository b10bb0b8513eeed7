import { SECRET_CANARY } from '../../trial-connection.ts';
import { type Bench, type BenchOperation, isHttp } from '../bench.ts';
import { captured } from '../captured.ts';
import { type Check, Tally } from '../check.ts';
import { exampleInput, inputValidator, withTexts } from '../example-input.ts';
import { says } from '../says.ts';
import type { Subject } from '../subject.ts';

const CALLERS = 50;
const PERSONAL_CANARY = 'canary-personal';

/** 4xx: who calls, what they may do, and what must not be seen. */
export const credentialChecks: readonly Check[] = [
  {
    number: 401,
    name: 'refused-credential-is-auth',
    title: 'a credential that stays refused is class `auth`, after one renewal at most',
    why: 'Asking on with a refused credential locks accounts; calling it anything else sends whoever is on call the wrong way.',
    fix: 'Map 401 to `auth` (the built-in table does), with `refreshOnce` where there is something to renew.',
    needs: 'sandbox',
    skip: withoutAuth,
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp)) {
        const input = await bench.ready(operation);
        bench.sandbox.faults.add({ fault: { kind: 'status', status: 401 }, operation: operation.name });
        const before = bench.seen(operation.name).length;
        const result = await bench.call(operation, input);
        const sent = bench.seen(operation.name).length - before;
        tally.expect(
          !result.ok && result.failure.class === 'auth',
          `${operation.name}: ${says(result)} for a 401`,
        );
        if (sent > 2) tally.problem(`${operation.name}: asked ${sent} times with a refused credential`);
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 402,
    name: 'one-refresh-for-fifty',
    title: 'fifty callers with one refused token cause one refresh',
    why: 'A refresh for each caller is a flood at the worst time, and with single-use refresh tokens all but one are lost.',
    fix: 'Share one token between the callers of a connection, and renew it by comparison: only the one that was refused is dropped.',
    needs: 'sandbox',
    skip: ({ manifest }) =>
      manifest.auth[0]?.type === 'oauth2'
        ? undefined
        : 'its credentials are static: there is no token to refresh',
    run: async (bench) => {
      const read = bench.reads.find(isHttp);
      if (read === undefined) return { skip: 'it has no read to call' };
      const tally = new Tally();
      const input = exampleInput(bench.subject, read, 0);
      const first = await bench.call(read, input);
      tally.expect(first.ok, `${read.name}: ${says(first)} with a fresh token`);
      bench.sandbox.revokeTokens();
      const before = tokenRequests(bench);
      const results = await Promise.all(Array.from({ length: CALLERS }, () => bench.call(read, input)));
      const refused = results.filter(({ ok }) => !ok);
      const refreshes = tokenRequests(bench) - before;
      tally.expect(refreshes === 1, `${refreshes} requests for a token by ${CALLERS} callers`);
      if (refused.length > 0)
        tally.problem(`${refused.length} of ${CALLERS} callers failed: ${says(refused[0]!)}`);
      return tally.verdict('rounds');
    },
  },
  {
    number: 403,
    name: 'reader-cannot-write',
    title: 'an identity that reads cannot write',
    why: 'A pipeline that only reads must not be able to change anything, whatever is written in it.',
    fix: 'Give every effect a scope that `identities` grants only to the writer, and keep reader and writer apart.',
    needs: 'peer',
    skip: ({ manifest }) => {
      const effects = Object.values(manifest.operations).map(({ effect }) => effect);
      if (!effects.includes('read')) return 'it has no reads';
      return effects.every((effect) => effect === 'read') ? 'it has no effects' : undefined;
    },
    run: async (bench) => {
      const readers = Object.entries(bench.subject.manifest.identities).filter(
        ([, scopes]) =>
          bench.reads.some(({ declared }) => declared.scopes.every((scope) => scopes.includes(scope))) &&
          !bench.effects.some(
            ({ declared }) =>
              declared.scopes.length > 0 && declared.scopes.every((scope) => scopes.includes(scope)),
          ),
      );
      const tally = new Tally();
      tally.expect(readers.length > 0, 'no identity can read without being able to write');
      for (const [identity, scopes] of readers) {
        const over = bench.transport({ scopes });
        for (const operation of bench.effects) {
          const before = seenOf(bench, operation);
          const result = await bench.call(operation, exampleInput(bench.subject, operation, 0), { over });
          const isRefused =
            !result.ok && result.failure.class === 'permission' && result.failure.delivery === 'notSent';
          tally.expect(isRefused, `${operation.name}: identity ${identity} could call it: ${says(result)}`);
          if (seenOf(bench, operation) > before) tally.problem(`${operation.name}: it was sent all the same`);
        }
      }
      return tally.verdict('refusals');
    },
  },
  {
    number: 404,
    name: 'nothing-outside-the-grant',
    title: 'a call outside its grant is refused before a byte is sent, and nothing is sent uncalled',
    why: 'A grant that is enforced by the other side has already told it everything.',
    fix: 'Do nothing when a transport is made; the first byte belongs to the first call.',
    needs: 'peer',
    run: async (bench) => {
      const tally = new Tally();
      const over = bench.transport({ grants: {} });
      for (const operation of bench.operations) {
        const result = await bench.call(operation, exampleInput(bench.subject, operation, 0), { over });
        const isRefused =
          !result.ok && result.failure.delivery === 'notSent' && result.failure.class === 'permission';
        tally.expect(isRefused, `${operation.name}: ${says(result)} without a grant`);
      }
      await bench.settled();
      const sent = bench.target.sandbox?.requests().length ?? 0;
      if (sent > 0) tally.problem(`${sent} requests were sent although nothing was granted`);
      return tally.verdict('operations');
    },
  },
  {
    number: 405,
    name: 'credentials-out-of-addresses',
    title: 'no credential stands in an address',
    why: 'Addresses are logged everywhere on the way, by proxies and servers that nobody thinks of.',
    fix: 'Send the credential in a header, where the system allows it.',
    needs: 'sandbox',
    skip: ({ manifest }) => {
      const [scheme] = manifest.auth;
      if (!scheme) return 'it has no credentials';
      return scheme.type === 'apiKey' && scheme.in === 'query'
        ? 'the system takes its key in the query only'
        : undefined;
    },
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations) {
        bench.again();
        await bench.call(operation, await bench.prepared(operation));
        const shown = bench.sandbox.requests().find(({ path }) => showsSecret(path));
        tally.expect(shown === undefined, `${operation.name}: a credential stood in the address`);
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 406,
    name: 'no-secret-in-failures',
    title: 'no failure holds a credential',
    why: 'Failures go to the ledger, to logs and to people.',
    fix: 'Make messages of your own; never pass on a request, a header or an error of a library.',
    needs: 'sandbox',
    skip: withoutAuth,
    run: async (bench) => {
      const tally = new Tally();
      for (const text of (await troubles(bench)).failures)
        tally.expect(!showsSecret(text), 'a failure holds a credential');
      return tally.verdict('failures');
    },
  },
  {
    number: 407,
    name: 'no-personal-datum-in-failures',
    title: 'no failure holds a value of its request or its answer',
    why: 'A message that quotes a body carries somebody’s data to everyone who reads the message.',
    fix: 'Say the place (a JSON Pointer), never the value; never pass on the text of an answer.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const text of (await troubles(bench)).failures)
        tally.expect(!text.includes(PERSONAL_CANARY), 'a failure quotes its request or its answer');
      return tally.verdict('failures');
    },
  },
  {
    number: 408,
    name: 'nothing-printed',
    title: 'the connector prints nothing of what it carries',
    why: 'What is written to the console escapes every redaction.',
    fix: 'Take the printing out; what an operator should see belongs into the failure.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      const { printed } = await troubles(bench);
      tally.expect(!showsSecret(printed), 'a credential was printed');
      tally.expect(!printed.includes(PERSONAL_CANARY), 'a value of a request or an answer was printed');
      return tally.verdict('looks at the console');
    },
  },
];

export function withoutAuth({ manifest }: Subject): string | undefined {
  return manifest.auth.length === 0 ? 'it has no credentials' : undefined;
}

/** Requests that the sandbox has seen; a peer without one sees nothing to be counted. */
function seenOf(bench: Bench, { name }: BenchOperation): number {
  return bench.target.sandbox === undefined ? 0 : bench.seen(name).length;
}

function tokenRequests({ sandbox }: Bench): number {
  return sandbox.requests().filter(({ operation }) => operation === 'oauth-token').length;
}

/** The key in any form that it goes over the wire in. */
function showsSecret(text: string): boolean {
  const basic = Buffer.from(SECRET_CANARY).toString('base64').replaceAll('=', '').slice(0, -1);
  return (
    text.includes(SECRET_CANARY) ||
    text.includes(basic) ||
    text.includes('PRIVATE KEY') ||
    /sandbox-(token|refresh)-\d/.test(text)
  );
}

interface Troubles {
  /** What the calls came to, as text. */
  readonly failures: readonly string[];
  /** What was printed meanwhile. */
  readonly printed: string;
}

const known = new WeakMap<Bench, Promise<Troubles>>();

/**
 * Every operation in every kind of trouble, with texts that can be told anywhere; the other side quotes what it was
 * sent, as many do. Gone through once for all checks that look at it.
 */
function troubles(bench: Bench): Promise<Troubles> {
  const before = known.get(bench);
  if (before !== undefined) return before;
  const made = goThrough(bench);
  known.set(bench, made);
  return made;
}

const TROUBLES = [
  {
    kind: 'status',
    status: 400,
    body: { message: `${PERSONAL_CANARY} ${SECRET_CANARY}`, error: PERSONAL_CANARY },
  },
  { kind: 'status', status: 401 },
  {
    kind: 'status',
    status: 422,
    body: { detail: PERSONAL_CANARY, errors: [{ detail: PERSONAL_CANARY }] },
  },
  { kind: 'status', status: 503, body: { detail: PERSONAL_CANARY } },
  { kind: 'dropBefore' },
  { kind: 'drift', add: { '/detail': PERSONAL_CANARY }, retype: ['/id'] },
  { kind: 'malformedBody' },
] as const;

async function goThrough(bench: Bench): Promise<Troubles> {
  const failures: string[] = [];
  const printed = await captured(async () => {
    for (const operation of bench.operations.filter(isHttp)) {
      bench.again();
      const input = withCanaries(operation, await bench.ready(operation));
      const wrong = { ...input, 'no-such-parameter': PERSONAL_CANARY };
      const results = [
        await bench.call(operation, wrong),
        await bench.call(operation, { ...input, body: [PERSONAL_CANARY] }),
      ];
      for (const [index, fault] of TROUBLES.entries()) {
        bench.sandbox.faults.clear();
        bench.sandbox.faults.add({ fault, operation: operation.name });
        results.push(await bench.call(operation, input, { idempotencyKey: `trouble-${index}` }));
      }
      for (const result of results) if (!result.ok) failures.push(JSON.stringify(result));
    }
  });
  return { failures, printed };
}

function withCanaries(
  operation: BenchOperation,
  input: ReturnType<typeof exampleInput>,
): ReturnType<typeof exampleInput> {
  const fits = inputValidator(operation.plan);
  return withTexts(input, fits, (text) =>
    text.includes('@') ? `${PERSONAL_CANARY}@person.example` : `${PERSONAL_CANARY}-${text}`,
  );
}
