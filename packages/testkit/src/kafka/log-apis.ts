import type { Api } from './apis.ts';
import { ERRORS } from './error-codes.ts';
import { readBatches } from './record-batch.ts';
import type { Session } from './session.ts';
import type { WireReader } from './wire.ts';

const NODE = 1;
const PARTITIONS_DEFAULT = 1;
const BATCH_BYTES_MAX = 1024 * 1024;
const LATEST = -1n;
const EARLIEST = -2n;
const UNKNOWN_RIGHTS = -(2 ** 31);

const produce: Api = {
  min: 3,
  max: 9,
  flexibleFrom: 9,
  answer: (request, answer, { version, session, dropAnswer }) => {
    request.nullableString();
    const acks = request.int16();
    request.int32();
    const topics = request.list(() => {
      const name = request.string();
      const partitions = request.list(() => {
        const index = request.int32();
        const appended = append(session, name, index, request.bytes() ?? Buffer.alloc(0));
        request.end();
        return { index, ...appended };
      });
      request.end();
      return { name, partitions };
    });
    session.state.appended();
    if (acks === 0) dropAnswer();
    answer.list(topics, ({ name, partitions }) => {
      answer.string(name).list(partitions, ({ index, error, baseOffset }) => {
        answer.int32(index).int16(error).int64(baseOffset).int64(-1n);
        if (version >= 5) answer.int64(0n);
        if (version >= 8) answer.list([], () => {}).string(null);
        answer.end();
      });
      answer.end();
    });
    answer.int32(0).end();
  },
};

function append(
  { state }: Session,
  topic: string,
  partition: number,
  bytes: Buffer,
): { readonly error: number; readonly baseOffset: bigint } {
  const log = state.log(topic, partition);
  const failed = (error: number) => ({ error, baseOffset: -1n });
  if (log === undefined) return failed(ERRORS.unknownTopicOrPartition);
  if (bytes.length > BATCH_BYTES_MAX) return failed(ERRORS.messageTooLarge);
  const batches = readBatches(bytes);
  if (batches === undefined) return failed(ERRORS.corruptMessage);
  const appended = log.append(batches);
  return 'baseOffset' in appended ? appended : failed(appended.error);
}

interface FetchPartition {
  readonly topic: string;
  readonly index: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

const fetch: Api = {
  min: 4,
  max: 12,
  flexibleFrom: 12,
  answer: async (request, answer, { version, session }) => {
    request.int32();
    const waitMs = request.int32();
    const bytesMin = request.int32();
    const bytesMax = request.int32();
    request.int8();
    // Sessions are not kept: every request names all that it wants, as after an answer with session 0.
    if (version >= 7) request.int64();
    const wanted = request
      .list(() => {
        const topic = request.string();
        const partitions = request.list(() => fetchPartition(request, version, topic));
        request.end();
        return partitions;
      })
      .flat();
    let found = read(session, wanted, bytesMax);
    if (!isEnough(found, bytesMin)) {
      await session.state.untilAppended(waitMs);
      found = read(session, wanted, bytesMax);
    }
    answer.int32(0);
    if (version >= 7) answer.int16(ERRORS.none).int32(0);
    const topics = Map.groupBy(found, ({ topic }) => topic);
    answer.list([...topics], ([name, partitions]) => {
      answer.string(name).list(partitions, ({ index, error, end, batches }) => {
        answer.int32(index).int16(error).int64(end).int64(end);
        if (version >= 5) answer.int64(0n);
        answer.list([], () => {});
        if (version >= 11) answer.int32(-1);
        answer.bytes(Buffer.concat(batches)).end();
      });
      answer.end();
    });
    answer.end();
  },
};

function fetchPartition(request: WireReader, version: number, topic: string): FetchPartition {
  const index = request.int32();
  if (version >= 9) request.int32();
  const offset = request.int64();
  if (version >= 12) request.int32();
  if (version >= 5) request.int64();
  const bytesMax = request.int32();
  request.end();
  return { topic, index, offset, bytesMax };
}

function read({ state }: Session, wanted: readonly FetchPartition[], bytesMax: number) {
  let left = bytesMax;
  return wanted.map(({ topic, index, offset, bytesMax: partitionMax }) => {
    const log = state.log(topic, index);
    const failed = (error: number, end: bigint) => ({ topic, index, error, end, batches: [] as Buffer[] });
    if (log === undefined) return failed(ERRORS.unknownTopicOrPartition, -1n);
    if (offset < 0n || offset > log.end) return failed(ERRORS.offsetOutOfRange, log.end);
    const batches = left > 0 ? log.read(offset, Math.min(left, partitionMax)) : [];
    left -= batches.reduce((sum, { length }) => sum + length, 0);
    return { topic, index, error: ERRORS.none as number, end: log.end, batches };
  });
}

function isEnough(found: ReturnType<typeof read>, bytesMin: number): boolean {
  const bytes = found.flatMap(({ batches }) => batches).reduce((sum, { length }) => sum + length, 0);
  return bytes >= bytesMin || found.some(({ error }) => error !== ERRORS.none);
}

const listOffsets: Api = {
  min: 2,
  max: 6,
  flexibleFrom: 6,
  answer: (request, answer, { version, session }) => {
    request.int32();
    request.int8();
    const topics = request.list(() => {
      const name = request.string();
      const partitions = request.list(() => {
        const index = request.int32();
        if (version >= 4) request.int32();
        const timestamp = request.int64();
        request.end();
        return { index, timestamp };
      });
      request.end();
      return { name, partitions };
    });
    answer.int32(0).list(topics, ({ name, partitions }) => {
      answer.string(name).list(partitions, ({ index, timestamp }) => {
        const log = session.state.log(name, index);
        const error = log === undefined ? ERRORS.unknownTopicOrPartition : ERRORS.none;
        const offset =
          timestamp === LATEST ? log?.end : timestamp === EARLIEST ? 0n : log?.offsetAt(timestamp);
        answer.int32(index).int16(error).int64(-1n);
        answer.int64(offset ?? -1n);
        if (version >= 4) answer.int32(0);
        answer.end();
      });
      answer.end();
    });
    answer.end();
  },
};

const metadata: Api = {
  min: 4,
  max: 9,
  flexibleFrom: 9,
  answer: (request, answer, { version, session }) => {
    const { state } = session;
    const asked = request.nullableList(() => {
      const name = request.string();
      request.end();
      return name;
    });
    const mayCreate = request.boolean() && session.autoCreate;
    for (const name of asked ?? []) if (mayCreate) state.createTopic(name, PARTITIONS_DEFAULT);
    const { host, port } = session.advertised();
    answer.int32(0).list([NODE], (id) => answer.int32(id).string(host).int32(port).string(null).end());
    answer.string('tenon-test-cluster').int32(NODE);
    answer.list(asked ?? [...state.topics.keys()], (name) => {
      const logs = state.topics.get(name);
      const error = logs === undefined ? ERRORS.unknownTopicOrPartition : ERRORS.none;
      answer.int16(error).string(name).boolean(false);
      answer.list([...(logs ?? []).keys()], (index) => {
        answer.int16(ERRORS.none).int32(index).int32(NODE);
        if (version >= 7) answer.int32(0);
        for (const nodes of [[NODE], [NODE]]) answer.list(nodes, (id) => answer.int32(id));
        if (version >= 5) answer.list([], () => {});
        answer.end();
      });
      if (version >= 8) answer.int32(UNKNOWN_RIGHTS);
      answer.end();
    });
    if (version >= 8) answer.int32(UNKNOWN_RIGHTS);
    answer.end();
  },
};

const createTopics: Api = {
  min: 2,
  max: 5,
  flexibleFrom: 5,
  answer: (request, answer, { version, session }) => {
    const topics = request.list(() => {
      const name = request.string();
      const partitions = request.int32();
      request.int16();
      request.list(() => {
        request.int32();
        request.list(() => request.int32());
        request.end();
      });
      request.list(() => {
        request.string();
        request.nullableString();
        request.end();
      });
      request.end();
      return { name, partitions: partitions === -1 ? PARTITIONS_DEFAULT : partitions };
    });
    request.int32();
    const isTrial = request.boolean();
    answer.int32(0).list(topics, ({ name, partitions }) => {
      const error = creation(session, name, partitions, isTrial);
      answer.string(name).int16(error).string(null);
      if (version >= 5)
        answer
          .int32(partitions)
          .int16(1)
          .list([], () => {});
      answer.end();
    });
    answer.end();
  },
};

function creation({ state }: Session, name: string, partitions: number, isTrial: boolean): number {
  if (state.topics.has(name)) return ERRORS.topicExists;
  if (partitions < 1) return ERRORS.invalidPartitions;
  try {
    if (!isTrial) state.createTopic(name, partitions);
    return ERRORS.none;
  } catch (error) {
    if (error instanceof RangeError) return ERRORS.invalidTopic;
    throw error;
  }
}

const initProducerId: Api = {
  min: 0,
  max: 4,
  flexibleFrom: 2,
  answer: (_request, answer, { session }) => {
    answer.int32(0).int16(ERRORS.none).int64(session.state.newProducer()).int16(0).end();
  },
};

/** By the protocol's key. */
export const logApis: readonly (readonly [number, Api])[] = [
  [0, produce],
  [1, fetch],
  [2, listOffsets],
  [3, metadata],
  [19, createTopics],
  [22, initProducerId],
];
