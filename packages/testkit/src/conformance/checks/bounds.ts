import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import type { JsonObject } from '@tenon/model';
import { type Bench, type BenchOperation, isHttp } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { exampleInput } from '../example-input.ts';
import { says } from '../says.ts';
import { withPort } from './effects.ts';

const DEADLINE_MS = 250;
/** A busy machine is no broken connector. */
const GRACE_MS = 3_000;

/** 8xx: time, and where calls may go. */
export const boundChecks: readonly Check[] = [
  {
    number: 801,
    name: 'deadline-obeyed',
    title: 'a call ends by its deadline, whatever the other side does',
    why: 'A call that outlives its deadline holds its run, its place in flight and everyone behind it.',
    fix: 'Bind every wait to `deadlineAt` and to the operation’s own timeout.',
    needs: 'peer',
    run: async (bench) =>
      withSilentPeer(bench, async (over, tally) => {
        await eachAtOnce(bench, async (operation) => {
          const startedAt = bench.clock.now();
          const result = await bench.call(operation, exampleInput(bench.subject, operation, 0), {
            over,
            deadlineAt: startedAt + DEADLINE_MS,
          });
          const tookMs = bench.clock.now() - startedAt;
          tally.expect(
            !result.ok && tookMs <= DEADLINE_MS + GRACE_MS,
            `${operation.name}: with ${DEADLINE_MS} ms given, it took ${tookMs} ms`,
          );
        });
      }),
  },
  {
    number: 802,
    name: 'cancellation-obeyed',
    title: 'a call ends when it is cancelled',
    why: 'Stopping a runtime, or a run, waits for its calls.',
    fix: 'Listen to `signal`.',
    needs: 'peer',
    run: async (bench) =>
      withSilentPeer(bench, async (over, tally) => {
        await eachAtOnce(bench, async (operation) => {
          const controller = new AbortController();
          const startedAt = bench.clock.now();
          const pending = bench.call(operation, exampleInput(bench.subject, operation, 0), {
            over,
            signal: controller.signal,
          });
          bench.clock.setTimer(100, () => controller.abort());
          const result = await pending;
          const tookMs = bench.clock.now() - startedAt;
          tally.expect(
            !result.ok && tookMs <= 100 + GRACE_MS,
            `${operation.name}: cancelled after 100 ms, it took ${tookMs} ms`,
          );
        });
      }),
  },
  {
    number: 803,
    name: 'undeclared-host-refused',
    title: 'no host is reached that was not declared, in whatever spelling',
    why: 'An answer that names another address (a redirect, a next page, a token server) must not choose where our credentials go.',
    fix: 'Follow nothing: take query parameters from links, and hosts from `egress` and the connection alone.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      await using trap = await openTrap();
      const operation = bench.reads.find(isHttp) ?? bench.operations.find(isHttp);
      if (operation === undefined) return { skip: 'it has no operation over HTTP' };
      for (const spelling of spellingsOf(trap.port)) {
        bench.again();
        const input = await bench.prepared(operation);
        for (const status of [302, 307, 308])
          bench.sandbox.faults.add({
            fault: {
              kind: 'status',
              status,
              headers: { location: `${spelling}/elsewhere`, link: `<${spelling}/next>; rel="next"` },
            },
            operation: operation.name,
            nth: status === 302 ? 1 : status === 307 ? 2 : 3,
          });
        for (let count = 0; count < 3; count++) await bench.call(operation, input);
        const asked = await bench.call(withTokenServer(operation, `${spelling}/token`), input, {
          over: bench.transport(),
        });
        tally.expect(
          !asked.ok && trap.connections() === 0,
          `${spelling.replace(String(trap.port), '…')}: ${trap.connections() > 0 ? 'it was connected to' : says(asked)}`,
        );
        if (trap.connections() > 0) trap.forget();
      }
      return tally.verdict('spellings of a host that is not declared');
    },
  },
  {
    number: 804,
    name: 'paths-stay-where-they-are',
    title: 'an id cannot name another path',
    why: 'A delete of one thing whose id is empty or `..` is a delete of the collection.',
    fix: 'Encode path parameters whole, and refuse those that are empty or made of dots.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      // What a transport sends when it is made is 404's matter, and no id has led it there.
      const over = bench.transport();
      await bench.settled();
      for (const operation of bench.operations.filter(isHttp)) {
        const fields = operation.plan.http?.parameters.filter((field) => field.in === 'path') ?? [];
        for (const field of fields) {
          for (const evil of ['..', '.', '', '../..', 'a/../../b', '%2e%2e', '?x=1', '#']) {
            bench.again();
            const input: JsonObject = { ...exampleInput(bench.subject, operation, 0), [field.key]: evil };
            await bench.call(operation, input, { over });
            const strayed = bench.sandbox
              .requests()
              .filter(
                (request) => request.operation !== operation.name && request.operation !== 'oauth-token',
              );
            tally.expect(
              strayed.length === 0,
              `${operation.name}: ${JSON.stringify(evil)} for ${field.name} led to another path`,
            );
          }
        }
      }
      return tally.verdict('ids', 'no operation has a parameter in its path');
    },
  },
  {
    number: 805,
    name: 'announced-end-surfaces',
    title: 'an answer that announces the operation’s end is passed on',
    why: '`Deprecation` and `Sunset` are said in headers, months before; nobody reads headers.',
    fix: 'Give the headers of the answer in the result.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp)) {
        bench.again();
        const heard: string[] = [];
        const over = bench.transport({
          onDeprecation: (name, { sunsetAtMs, deprecatedAtMs }) =>
            heard.push(`${name} ${sunsetAtMs} ${deprecatedAtMs}`),
        });
        const input = await bench.prepared(operation);
        bench.sandbox.faults.add({
          fault: {
            kind: 'headers',
            headers: { deprecation: '@1767225600', sunset: 'Fri, 01 Jan 2027 00:00:00 GMT' },
          },
          operation: operation.name,
        });
        await bench.call(operation, input, { over });
        tally.expect(
          heard.includes(`${operation.plan.name} 1798761600000 1767225600000`),
          `${operation.name}: its announced end was not passed on`,
        );
      }
      return tally.verdict('operations');
    },
  },
];

/** Runs `look` with a transport to a peer that accepts connections and says nothing: true of any protocol. */
async function withSilentPeer(
  bench: Bench,
  look: (over: ReturnType<Bench['transport']>, tally: Tally) => Promise<void>,
): Promise<ReturnType<Tally['verdict']>> {
  const tally = new Tally();
  await using peer = await openTrap();
  await look(bench.transport({ baseUrl: withPort(bench.target.url, peer.port) }), tally);
  return tally.verdict('operations');
}

/** All operations side by side: each of them waits its time out. */
async function eachAtOnce(bench: Bench, look: (operation: BenchOperation) => Promise<void>): Promise<void> {
  await Promise.all(bench.tokened.map(look));
}

interface Trap extends AsyncDisposable {
  readonly port: number;
  connections(): number;
  forget(): void;
}

/** A listener on loopback that counts who came, and says nothing to them. */
async function openTrap(): Promise<Trap> {
  let count = 0;
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    count += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // Listening on a port, so its address is one.
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    forget: () => {
      count = 0;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The same loopback address and port, as people and parsers have spelt it. */
function spellingsOf(port: number): string[] {
  return [
    `http://127.0.0.1:${port}`,
    `http://localhost:${port}`,
    `http://LOCALHOST:${port}`,
    `http://localhost.:${port}`,
    `http://127.1:${port}`,
    `http://0x7f000001:${port}`,
    `http://0x7f.0.0.1:${port}`,
    `http://2130706433:${port}`,
    `http://0177.0.0.1:${port}`,
    `http://017700000001:${port}`,
    `http://①②⑦.⓪.⓪.①:${port}`,
    `http://[::ffff:127.0.0.1]:${port}`,
    `http://[::ffff:7f00:1]:${port}`,
    `http://0:${port}`,
    `http://127.0.0.1%2e:${port}`,
    `http://user:word@127.0.0.1:${port}`,
    `//127.0.0.1:${port}`,
    `http:\\\\127.0.0.1:${port}`,
  ];
}

/** The operation with its tokens to be had from somewhere else. */
function withTokenServer(operation: BenchOperation, tokenUrl: string): BenchOperation {
  const [scheme] = operation.plan.auth;
  const auth = [
    {
      id: scheme?.id ?? 'stray',
      type: 'oauth2' as const,
      flow: 'clientCredentials' as const,
      tokenUrl,
      clientAuth: 'basic' as const,
    },
  ];
  return { ...operation, plan: { ...operation.plan, auth } };
}
