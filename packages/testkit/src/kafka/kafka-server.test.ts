import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom, systemClock } from '@tenon/model';
import { afterEach, describe, expect, it } from 'vitest';
import { ERRORS } from './error-codes.ts';
import { Group, type JoinRequest } from './group.ts';
import { kafkaServer } from './kafka-server.ts';
import { PartitionLog } from './partition-log.ts';
import { crc32c, type RecordBatch, readBatches } from './record-batch.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-kafka-'));
  closing.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A batch of empty records, with a head and a checksum as they should be. */
function batch(producerId: bigint, firstSequence: number, count: number, epoch = 0): RecordBatch {
  const bytes = Buffer.alloc(61 + count);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(producerId, 43);
  bytes.writeInt16BE(epoch, 51);
  bytes.writeInt32BE(firstSequence, 53);
  bytes.writeInt32BE(count, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return readBatches(bytes)![0]!;
}

describe('a batch of records', () => {
  it('has the checksum of Castagnoli', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('is refused when a byte has changed, or one is missing', () => {
    const { bytes } = batch(-1n, -1, 2);
    expect(readBatches(bytes)).toHaveLength(1);
    const changed = Buffer.from(bytes);
    changed[61] = 1;
    expect(readBatches(changed)).toBeUndefined();
    expect(readBatches(bytes.subarray(0, -1))).toBeUndefined();
  });
});

describe('a partition', () => {
  it('writes a batch that comes again once, and refuses one before which another is missing', async () => {
    const file = join(await folder(), '0.log');
    const log = new PartitionLog(file);
    expect(log.append([batch(7n, 0, 2)])).toEqual({ error: ERRORS.none, baseOffset: 0n });
    expect(log.append([batch(7n, 2, 1)])).toEqual({ error: ERRORS.none, baseOffset: 2n });
    expect(log.append([batch(7n, 0, 2)])).toEqual({ error: ERRORS.none, baseOffset: 0n });
    expect(log.append([batch(7n, 9, 1)])).toEqual({ error: ERRORS.outOfOrderSequence });
    expect(log.append([batch(7n, 3, 1, -1)])).toEqual({ error: ERRORS.invalidProducerEpoch });
    expect(log.end).toBe(3n);
    // The next server knows all of it.
    const again = new PartitionLog(file);
    expect(again.append([batch(7n, 2, 1)])).toEqual({ error: ERRORS.none, baseOffset: 2n });
    expect(again.end).toBe(3n);
  });

  it('is read from the batch that holds the offset, and always on', async () => {
    const log = new PartitionLog(join(await folder(), '0.log'));
    for (const count of [3, 2, 1]) log.append([batch(-1n, -1, count)]);
    expect(log.read(1n, 1).map((bytes) => readBatches(bytes)![0]!.baseOffset)).toEqual([0n]);
    expect(log.read(3n, 10_000).map((bytes) => readBatches(bytes)![0]!.baseOffset)).toEqual([3n, 5n]);
    expect(log.read(6n, 10_000)).toEqual([]);
  });
});

describe('a group', () => {
  const request = (memberId: string): JoinRequest => ({
    memberId,
    clientId: 'c',
    sessionMs: 60_000,
    rebalanceMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from(memberId) }],
  });
  const open = (): Group => {
    const group = new Group(systemClock, seededRandom(1));
    closing.push(async () => group.close());
    return group;
  };

  it('shares out anew when a member joins, and refuses what belongs to the round before', async () => {
    const group = open();
    const [a, b] = [group.promise('a'), group.promise('b')];
    const alone = await group.join(request(a));
    expect(alone).toMatchObject({ error: ERRORS.none, generation: 1, leader: a });
    expect(await group.sync(a, 1, new Map([[a, Buffer.from('all')]]))).toEqual({
      error: ERRORS.none,
      assignment: Buffer.from('all'),
    });
    const second = group.join(request(b));
    expect(group.heartbeat(a, 1)).toBe(ERRORS.rebalanceInProgress);
    const first = await group.join(request(a));
    expect(first.members.map(({ id }) => id)).toEqual([a, b]);
    expect((await second).members).toEqual([]);
    expect(group.commitRefusal(a, 1)).toBe(ERRORS.illegalGeneration);
    const waiting = group.sync(b, 2, new Map());
    await group.sync(a, 2, new Map([[b, Buffer.from('half')]]));
    expect((await waiting).assignment.toString()).toBe('half');
    expect(group.leave(b)).toBe(ERRORS.none);
    expect(group.heartbeat(a, 2)).toBe(ERRORS.rebalanceInProgress);
    expect(group.heartbeat(b, 2)).toBe(ERRORS.unknownMember);
  });

  it('lets nobody in under an id that it did not give out', async () => {
    const group = open();
    expect(await group.join(request(''))).toMatchObject({ error: ERRORS.memberIdRequired });
    expect(await group.join(request('invented'))).toMatchObject({ error: ERRORS.unknownMember });
  });
});

const kcat = ((): string | undefined => {
  try {
    return execFileSync('kcat', ['-V'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    return undefined;
  }
})();

// Somebody else's client on somebody else's reading of the protocol: librdkafka's, where Debian's kcat is at hand.
describe.skipIf(kcat === undefined)(`a client of others (${kcat ?? 'skipped: no kcat here'})`, () => {
  it('produces as an idempotent producer, and consumes as a group that goes on where it was', async () => {
    const home = await folder();
    let server = await kafkaServer({ folder: home });
    closing.push(async () => server[Symbol.asyncDispose]());
    server.createTopic('orders', 3);
    const run = async (args: readonly string[], input: string): Promise<string> => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const child = execFile('kcat', ['-q', '-b', `127.0.0.1:${server.port}`, ...args], (error, out) =>
        error === null ? resolve(out) : reject(error),
      );
      child.stdin?.end(input);
      return promise;
    };
    const group = [
      '-X',
      'auto.offset.reset=earliest',
      '-f',
      '%k=%s;%h\\n',
      '-c',
      '3',
      '-G',
      'readers',
      'orders',
    ];
    const produce = ['-P', '-t', 'orders', '-K:', '-H', 'a=b', '-X', 'enable.idempotence=true'];
    await run(produce, 'k1:1\nk2:2\nk3:3\n');
    expect((await run(group, '')).trim().split('\n').sort()).toEqual(['k1=1;a=b', 'k2=2;a=b', 'k3=3;a=b']);
    await server[Symbol.asyncDispose]();
    server = await kafkaServer({ folder: home });
    expect(server.left('orders', 'readers')).toBe(0);
    await run([...produce, '-z', 'gzip'], 'k4:4\nk5:5\nk6:6\n');
    expect((await run(group, '')).trim().split('\n').sort()).toEqual(['k4=4;a=b', 'k5=5;a=b', 'k6=6;a=b']);
  });
});
