import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type {
  CallRequest,
  ConnectionConfig,
  ConnectorModule,
  OperationPlan,
  SourcePlan,
  Transport,
} from '@tenon/connector';
import { type Clock, type Json, Secret, sleep, systemClock, systemRandom } from '@tenon/model';
import { type AcceptResult, type IncomingEvent, openRuntime, type Runtime } from '@tenon/runtime';
import { planFor, step } from '@tenon/runtime/testing';
import { type Consumer, consume } from '@tenon/server';
import { type FaultyHop, faultyHop, missingService, type WireTap } from '@tenon/testkit';
import { afterEach, describe, expect, it } from 'vitest';

/** What one broker's tests need besides the suite: how its own tools put messages in and look at them. */
export interface BrokerDriver {
  readonly name: string;
  /** Of the real server on this machine. */
  readonly port: number;
  readonly module: ConnectorModule;
  readonly transport: string;
  baseUrl(port: number): string;
  /** User and password, where the server asks for them. */
  readonly login?: { readonly username: string; readonly password: string };
  /** A place of this test's own on the server, with nothing in it. */
  place(): Promise<BrokerPlace>;
  /** Listens on the wire, where the server alone does not say what is unsettled. */
  readonly tap?: () => WireTap;
  /** Messages that it hands out before the first is settled, where that is not the prefetch. */
  readonly atOnce?: number;
  /** It keeps what was acknowledged, for as long as it is told to: another group is given it as well. */
  readonly keepsAcknowledged?: true;
  /** What the suite cannot ask of this broker, and why. */
  readonly cannot?: Partial<
    Record<'redelivery' | 'deaf' | 'silence' | 'unreadable' | 'lag' | 'lettingGo', string>
  >;
}

export interface BrokerPlace extends AsyncDisposable {
  /** Added to the base URL. */
  readonly path?: string;
  /** Sends an `OrderPlaced` to the place. */
  readonly operation: OperationPlan;
  /** Takes `orderShipped` in from the place. */
  readonly source: SourcePlan;
  /** Messages that the operation has sent and that are there. */
  arrived(): Promise<readonly RawMessage[]>;
  /** Puts messages where the source takes them, as another program would. */
  put(messages: readonly RawMessage[]): Promise<void>;
  /** Messages at the source that nobody has settled. */
  left(): Promise<number>;
}

export interface RawMessage {
  readonly id?: string;
  readonly body: string;
}

const PATIENCE_MS = 15_000;

/** On which what is waited for is over twenty times as soon. */
const hurried: Clock = {
  now: () => systemClock.now(),
  setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / 20, fire),
};

export async function brokerSuite(driver: BrokerDriver): Promise<void> {
  const missing = await missingService(driver.name, driver.port, process.env);
  const isJsonOnly = driver.cannot?.unreadable !== undefined;
  const title = missing === undefined ? driver.name : `${driver.name} (skipped: ${missing})`;

  describe.skipIf(missing !== undefined)(title, () => {
    const closing: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0).toReversed()) await close();
    });

    describe('sending', () => {
      it('a confirmed message is there, whole, with its key as id', async () => {
        const { place, transport } = await open();
        const result = await transport.call(placed(place, 'ord_1', 'key-1'));
        expect(result).toMatchObject({ ok: true });
        const [message] = await eventually(
          () => place.arrived(),
          (list) => list.length === 1,
        );
        expect(JSON.parse(message!.body)).toEqual(PLACED('ord_1'));
        expect(message!.id).toBe('key-1');
      });

      it('a repeat carries the same id', async () => {
        const { place, transport } = await open();
        await transport.call(placed(place, 'ord_1', 'key-1'));
        expect(await transport.call(placed(place, 'ord_1', 'key-1'))).toMatchObject({ ok: true });
        const there = await eventually(
          () => place.arrived(),
          (list) => list.length > 0,
        );
        expect(new Set(there.map(({ id }) => id))).toEqual(new Set(['key-1']));
      });

      it('what does not fit its contract is not sent, and no connection is opened', async () => {
        const { place, transport, hop } = await open();
        const before = hop.connections;
        const result = await transport.call({
          operation: place.operation,
          input: { body: { orderId: '', total: 1, currency: 'EUR', version: 1 } },
          idempotencyKey: 'k',
        });
        expect(result).toMatchObject({
          ok: false,
          failure: {
            code: 'MESSAGE_REQUEST_INVALID',
            class: 'validation',
            delivery: 'notSent',
            pointer: '/body/orderId',
          },
        });
        expect(hop.connections).toBe(before);
      });

      it('a broker that cannot be reached has been sent nothing', async () => {
        const { place, transport, hop } = await open();
        hop.mode = 'refuse';
        hop.cut();
        const result = await transport.call({
          ...placed(place, 'ord_1', 'k'),
          deadlineAt: systemClock.now() + 1_500,
        });
        expect(result).toMatchObject({ ok: false, failure: { delivery: 'notSent' } });
        expect(await place.arrived()).toEqual([]);
      });

      it.skipIf(driver.cannot?.deaf !== undefined)(
        'a message whose answer does not come is lost, not failed: it may have arrived',
        async () => {
          const { place, transport, hop } = await open();
          await transport.call(placed(place, 'ord_0', 'key-0'));
          hop.mode = 'deaf';
          const result = await transport.call({
            ...placed(place, 'ord_1', 'key-1'),
            deadlineAt: systemClock.now() + 1_000,
          });
          expect(result).toMatchObject({
            ok: false,
            failure: { code: 'MESSAGE_TIMEOUT', class: 'timeout', delivery: 'lost' },
          });
          // It has: what looked like a failure from here is on the broker.
          const there = await eventually(
            () => place.arrived(),
            (list) => list.length === 2,
          );
          expect(there.map(({ id }) => id)).toContain('key-1');
        },
      );

      it('what is sent leaves no listener behind at its connection, however many are under way', async () => {
        const { place, transport } = await open();
        const warnings: string[] = [];
        const warned = ({ name, message }: Error): number => warnings.push(`${name}: ${message}`);
        process.on('warning', warned);
        try {
          const keys = Array.from({ length: 24 }, (_, number) => `key-${number}`);
          await Promise.all(keys.slice(0, 12).map((key) => transport.call(placed(place, key, key))));
          for (const key of keys.slice(12)) await transport.call(placed(place, key, key));
          // A warning is told in the turn after.
          await sleep(systemClock, 0);
        } finally {
          process.off('warning', warned);
        }
        expect(warnings).toEqual([]);
      });

      it('the connection is opened again after it was cut', async () => {
        const { place, transport, hop } = await open();
        await transport.call(placed(place, 'ord_1', 'key-1'));
        hop.cut();
        const again = await eventually(
          () => transport.call(placed(place, 'ord_2', 'key-2')),
          (result) => result.ok,
        );
        expect(again).toMatchObject({ ok: true });
        await eventually(
          async () => new Set((await place.arrived()).map(({ id }) => id)),
          (ids) => ids.has('key-1') && ids.has('key-2'),
        );
      });
    });

    describe('taking in', () => {
      it('a message is acknowledged only once it is on disk', async () => {
        const { place, take } = await open();
        const gate = Promise.withResolvers<void>();
        const taking = await take({ before: () => gate.promise });
        await place.put([shipped('ord_1', 1)]);
        await eventually(
          () => taking.consumer.status(),
          ({ inFlight }) => inFlight === 1,
        );
        expect(await place.left()).toBe(1);
        gate.resolve();
        await eventually(
          () => place.left(),
          (left) => left === 0,
        );
        expect(taking.accepted()).toEqual(['ord_1:1']);
        expect(taking.consumer.status()).toMatchObject({
          state: 'consuming',
          inFlight: 0,
          counts: { accepted: 1 },
        });
      });

      it.skipIf(driver.cannot?.redelivery !== undefined)(
        'a message whose acknowledgement was cut off comes again, and takes effect once',
        async () => {
          const { place, take, hop } = await open();
          let cuts = 0;
          const taking = await take({
            after: async () => {
              if (cuts++ === 0) hop.cut();
            },
          });
          await place.put([shipped('ord_1', 1)]);
          await eventually(
            () => taking.consumer.status().counts,
            ({ duplicate }) => duplicate >= 1,
          );
          await eventually(
            () => place.left(),
            (left) => left === 0,
          );
          expect(taking.consumer.status().counts).toMatchObject({ accepted: 1, quarantined: 0 });
          expect(taking.runtime.runs({}).map(({ key }) => key)).toEqual(['ord_1:1']);
        },
      );

      it('messages of one key are stored in their order, however often the runtime refuses', async () => {
        const { place, take } = await open();
        let calls = 0;
        const taking = await take({ refuse: () => calls++ % 3 === 0 });
        const versions = Array.from({ length: 8 }, (_, index) => index + 1);
        await place.put(
          versions.flatMap((version) => ['a', 'b', 'c'].map((order) => shipped(order, version))),
        );
        await eventually(
          () => taking.accepted(),
          (list) => list.length === 24,
        );
        for (const order of ['a', 'b', 'c'])
          expect(taking.accepted().filter((key) => key.startsWith(`${order}:`))).toEqual(
            versions.map((version) => `${order}:${version}`),
          );
      });

      it('while the runtime takes nothing the broker keeps it all, and no more than the prefetch is here', async () => {
        const { place, take } = await open();
        let isFull = true;
        await place.put(Array.from({ length: 20 }, (_, index) => shipped(`ord_${index}`, 1)));
        const taking = await take({ refuse: () => isFull, source: { prefetchMax: 5 } });
        const paused = await eventually(
          () => taking.consumer.status(),
          ({ inFlight, state }) => inFlight === (driver.atOnce ?? 5) && state === 'paused',
        );
        expect(paused.counts.accepted).toBe(0);
        expect(await place.left()).toBe(20);
        isFull = false;
        await eventually(
          () => place.left(),
          (left) => left === 0,
        );
        expect(taking.accepted()).toHaveLength(20);
      });

      it.skipIf(driver.cannot?.lag !== undefined)(
        'says how many messages wait, and when none does',
        async () => {
          const { place, take } = await open();
          let isFull = true;
          await place.put(Array.from({ length: 20 }, (_, index) => shipped(`ord_${index}`, 1)));
          const taking = await take({ refuse: () => isFull, source: { prefetchMax: 5, everyMs: 50 } });
          // Some count what they have handed out, some do not.
          await eventually(
            () => taking.consumer.status(),
            ({ lag }) => lag !== undefined && lag >= 15 && lag <= 20,
          );
          isFull = false;
          await eventually(
            () => taking.consumer.status(),
            ({ lag, inFlight }) => lag === 0 && inFlight === 0,
          );
          expect(taking.accepted()).toHaveLength(20);
        },
      );

      it('a message that its contract does not know is held with an owner, and does not stop the rest', async () => {
        const { place, take } = await open();
        const taking = await take({});
        await place.put([
          { id: 'bad-1', body: '{"orderId":"ord_1"}' },
          ...(isJsonOnly ? [] : [{ id: 'bad-2', body: 'not even json' }]),
          shipped('ord_2', 1),
        ]);
        // A message on its way from the broker is neither there nor here.
        await eventually(
          () => taking.consumer.status().counts,
          ({ accepted, quarantined }) => accepted === 1 && quarantined === (isJsonOnly ? 1 : 2),
        );
        await eventually(
          () => place.left(),
          (left) => left === 0,
        );
        await taking.runtime.idle();
        const held = taking.runtime.deadLetters();
        expect(held.map(({ queue, owner, failure }) => ({ queue, owner, code: failure.code }))).toEqual(
          expect.arrayContaining(
            ['EVENT_PAYLOAD_INVALID', ...(isJsonOnly ? [] : ['MESSAGE_UNREADABLE'])].map((code) => ({
              queue: 'quarantine',
              owner: 'sales',
              code,
            })),
          ),
        );
        const inputs = held.map(({ runId }) => taking.runtime.run(runId)!.input);
        expect(inputs).toContainEqual({ orderId: 'ord_1' });
        if (isJsonOnly) return;
        expect(inputs).toContainEqual(
          expect.objectContaining({ base64: Buffer.from('not even json').toString('base64') }),
        );
      });

      it('a number that no double can hold arrives as its digits', async () => {
        const { place, take } = await open();
        const taking = await take({});
        await place.put([
          {
            id: 'big',
            body: '{"orderId":"ord_1","parcelId":"p","version":1,"account":12345678901234567890}',
          },
        ]);
        await eventually(
          () => taking.accepted(),
          (list) => list.length === 1,
        );
        expect(taking.runtime.run(taking.runtime.runs({})[0]!.runId)!.input).toMatchObject({
          account: '12345678901234567890',
        });
      });

      it('it comes back by itself when the connection was cut and the broker away', async () => {
        const { place, take, hop } = await open();
        const taking = await take({});
        await eventually(
          () => taking.consumer.status(),
          ({ state }) => state === 'consuming',
        );
        hop.mode = 'refuse';
        hop.cut();
        await eventually(
          () => taking.consumer.status(),
          ({ state, problem }) => state === 'connecting' && problem !== undefined,
        );
        await place.put([shipped('ord_1', 1)]);
        hop.mode = 'open';
        await eventually(
          () => taking.accepted(),
          (list) => list.length === 1,
        );
        expect(taking.consumer.status().state).toBe('consuming');
      });

      it.skipIf(driver.cannot?.silence !== undefined)(
        'one that falls silent without a word is noticed, and it comes back by itself',
        async () => {
          const { place, take, hop } = await open();
          const taking = await take({ clock: hurried, source: { everyMs: 200 } });
          await eventually(
            () => taking.consumer.status(),
            ({ state }) => state === 'consuming',
          );
          hop.mode = 'deaf';
          await eventually(
            () => taking.consumer.status(),
            ({ state, problem }) => state === 'connecting' && problem !== undefined,
          );
          await place.put([shipped('ord_1', 1)]);
          hop.mode = 'open';
          await eventually(
            () => taking.accepted(),
            (list) => list.length === 1,
          );
        },
      );

      it('what could not be taken because something of ours broke comes again', async () => {
        const { place, take } = await open();
        let calls = 0;
        const taking = await take({
          before: async () => {
            if (calls++ === 0) throw new Error('a broken invariant');
          },
        });
        await place.put([shipped('ord_1', 1), shipped('ord_1', 2)]);
        await eventually(
          () => taking.accepted(),
          (list) => list.length === 2,
        );
        await eventually(
          () => place.left(),
          (left) => left === 0,
        );
      });

      it.skipIf(driver.cannot?.lettingGo !== undefined)(
        'what was taken is let go, however long its connection lives',
        async () => {
          const { place, take } = await open();
          const taking = await take({});
          let taken = 0;
          const bring = async (count: number): Promise<void> => {
            await place.put(Array.from({ length: count }, (_, index) => large(`ord_${taken + index}`)));
            taken += count;
            await eventually(
              () => taking.accepted().length,
              (length) => length === taken,
            );
            await eventually(
              () => place.left(),
              (left) => left === 0,
            );
          };
          await bring(20);
          const before = await heldBytes();
          for (let round = 0; round < 8; round++) await bring(10);
          expect(((await heldBytes()) - before) / LARGE_BYTES).toBeLessThan(40);
        },
      );

      it('on stopping, what is not stored yet stays with the broker', async () => {
        const { place, take } = await open();
        const taking = await take({ refuse: () => true });
        await place.put([shipped('ord_1', 1), shipped('ord_2', 1)]);
        await eventually(
          () => taking.consumer.status(),
          ({ state }) => state === 'paused',
        );
        await taking.consumer.stop();
        expect(taking.consumer.status()).toMatchObject({ state: 'stopped', inFlight: 0 });
        expect(taking.accepted()).toEqual([]);
        const next = await take({});
        await eventually(
          () => next.accepted(),
          (list) => list.length === 2,
        );
      });
    });

    describe('after a backup was put back', () => {
      /** One message before the backup and one after it, both acknowledged; gives the backup. */
      async function setBack(taken: Awaited<ReturnType<typeof open>>): Promise<string> {
        const { place, take } = taken;
        const first = await take({});
        const stored = async (message: RawMessage, count: number): Promise<void> => {
          await place.put([message]);
          await eventually(
            () => first.accepted(),
            (list) => list.length === count,
          );
          await eventually(
            () => place.left(),
            (left) => left === 0,
          );
        };
        await stored(shipped('ord_1', 1), 1);
        const folder = await mkdtemp(join(tmpdir(), 'tenon-broker-backup-'));
        closing.push(() => rm(folder, { recursive: true, force: true }));
        const backup = join(folder, 'backup.db');
        await first.runtime.backup(backup);
        await stored(shipped('ord_2', 1), 2);
        await first.consumer.stop();
        return backup;
      }

      it('what was acknowledged since does not come again by itself, and what comes then does', async () => {
        const taken = await open();
        const begun = await setBack(taken);
        const second = await taken.take({ begun });
        await taken.place.put([shipped('ord_3', 1)]);
        await eventually(
          () => second.accepted(),
          (list) => list.length > 0,
        );
        expect(second.accepted()).toEqual(['ord_3:1']);
        expect(second.runtime.runs({}).map(({ key }) => key)).toEqual(['ord_3:1', 'ord_1:1']);
      });

      it.skipIf(!driver.keepsAcknowledged)(
        'another group is given all that the broker keeps, of which what the backup knows starts nothing',
        async () => {
          const taken = await open();
          const begun = await setBack(taken);
          const group = `${taken.place.source.group}-anew`;
          const second = await taken.take({ begun, source: { group, create: true } });
          await eventually(
            () => second.consumer.status().counts,
            ({ accepted, duplicate }) => accepted === 1 && duplicate === 1,
          );
          expect(second.accepted()).toEqual(['ord_2:1']);
        },
      );
    });

    async function open() {
      const hop: FaultyHop = await faultyHop(driver.port, driver.tap);
      closing.push(async () => hop[Symbol.asyncDispose]());
      const place = await driver.place();
      closing.push(async () => place[Symbol.asyncDispose]());
      const connection: ConnectionConfig = {
        name: 'bus',
        connector: driver.name,
        baseUrl: `${driver.baseUrl(hop.port)}${place.path ?? ''}`,
        credentials:
          driver.login === undefined ? {} : { login: { username: 'env:USER', password: 'env:PASSWORD' } },
        webhookSecrets: [],
      };
      const context = {
        connection,
        clock: systemClock,
        random: systemRandom,
        secrets: {
          resolve: async (reference: string) =>
            new Secret(
              reference,
              (reference === 'env:USER' ? driver.login?.username : driver.login?.password) ?? '',
            ),
        },
      };
      let made: Transport | undefined;
      const transport: Transport = {
        call: (request) => {
          if (made === undefined) {
            const opened = driver.module.transports![driver.transport]!(context);
            closing.push(() => opened.close());
            made = opened;
          }
          return made.call(request);
        },
        close: async () => {},
      };
      const take = async (options: TakeOptions): Promise<Taking> => {
        const folder = await mkdtemp(join(tmpdir(), 'tenon-broker-'));
        if (options.begun !== undefined) await copyFile(options.begun, join(folder, 'tenon.db'));
        const runtime = await openRuntime({
          file: join(folder, 'tenon.db'),
          clock: systemClock,
          random: systemRandom,
          transport: () => transport,
        });
        const event = place.source.events[0]!.name;
        await runtime.activate(
          planFor({
            trigger: { event },
            identity: {
              key: { text: [{ expression: 'event.orderId' }, ':', { expression: 'event.version' }] },
              orderBy: { expression: 'event.orderId' },
              retainMs: 86_400_000,
            },
            events: { [event]: { contract: place.source.contract, event: 'orderShipped', payload: SHIPPED } },
            steps: [step('set', 'seen', { value: { literal: true } })],
          }),
        );
        const accepted: string[] = [];
        const consumer = consume({
          connection: 'bus',
          plan: { ...place.source, ...options.source },
          runtime: {
            accept: (incoming) => accept(runtime, incoming, options, accepted),
            cursor: (name) => runtime.cursor(name),
            keepCursor: (name, value) => runtime.keepCursor(name, value),
            misfit: (...event) => runtime.misfit(...event),
          },
          clock: systemClock,
          random: systemRandom,
          source: (given) =>
            driver.module.sources![driver.transport]!({
              ...context,
              clock: options.clock ?? systemClock,
              ...given,
            }),
          log: () => {},
        });
        closing.push(async () => {
          await consumer.stop();
          await runtime.stop();
          await rm(folder, { recursive: true, force: true });
        });
        return { consumer, runtime, accepted: () => [...accepted] };
      };
      return { hop, place, transport, take };
    }
  });
}

interface TakeOptions {
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
  readonly refuse?: () => boolean;
  /** The database begins as a copy of this file. */
  readonly begun?: string;
  readonly source?: Partial<SourcePlan>;
  /** Of the source. */
  readonly clock?: Clock;
}

interface Taking {
  readonly consumer: Consumer;
  readonly runtime: Runtime;
  /** Business keys in the order in which they were stored. */
  accepted(): readonly string[];
}

async function accept(
  runtime: Runtime,
  incoming: IncomingEvent,
  { before, after, refuse }: TakeOptions,
  accepted: string[],
): Promise<AcceptResult> {
  await before?.();
  if (refuse?.())
    return {
      ok: false,
      failure: {
        class: 'transient',
        code: 'RUNTIME_BACKLOG_FULL',
        message: 'full',
        delivery: 'notSent',
        retryAfterMs: 20,
      },
    };
  const result = await runtime.accept(incoming);
  if (result.ok && !result.duplicateDelivery && result.quarantined === undefined)
    accepted.push(...result.runs.flatMap(({ started, key }) => (started && key !== undefined ? [key] : [])));
  await after?.();
  return result;
}

const SHIPPED = {
  type: 'object',
  required: ['orderId', 'parcelId', 'version'],
  properties: {
    orderId: { type: 'string', minLength: 1 },
    parcelId: { type: 'string', minLength: 1 },
    version: { type: 'integer', minimum: 1 },
  },
} as const;

const PLACED = (orderId: string): Record<string, Json> => ({
  orderId,
  total: 12.5,
  currency: 'EUR',
  version: 1,
});

function placed(place: BrokerPlace, orderId: string, idempotencyKey: string): CallRequest {
  return { operation: place.operation, input: { body: PLACED(orderId) }, idempotencyKey };
}

function shipped(orderId: string, version: number): RawMessage {
  return {
    id: `${orderId}-${version}`,
    body: JSON.stringify({ orderId, parcelId: `par_${version}`, version }),
  };
}

const LARGE_BYTES = 100_000;

function large(orderId: string): RawMessage {
  return {
    id: `${orderId}-1`,
    body: JSON.stringify({ orderId, parcelId: 'x'.repeat(LARGE_BYTES), version: 1 }),
  };
}

/** What is reachable, of this thread. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  // What is made by the flag is a function of a new context.
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 5; round++) {
    collect();
    await sleep(systemClock, 20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Looks again and again until it is so; fails with what was last seen. */
async function eventually<T>(look: () => T | Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  for (const untilMs = systemClock.now() + PATIENCE_MS; ; ) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (systemClock.now() > untilMs) throw new Error(`still ${JSON.stringify(seen)} after ${PATIENCE_MS} ms`);
    await sleep(systemClock, 20);
  }
}
