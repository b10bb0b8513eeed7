import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Clock, type Random, systemClock, systemRandom } from '@tenon/model';
import { API_VERSIONS, apis, writeVersions } from './apis.ts';
import { BrokerState } from './broker-state.ts';
import { ERRORS } from './error-codes.ts';
import { recordsOf, type StoredRecord } from './record-batch.ts';
import { Session } from './session.ts';
import { WireReader, WireWriter } from './wire.ts';

export interface KafkaServerOptions {
  /** Where it keeps what it holds: a server opened there again goes on with it. */
  readonly folder: string;
  /** Loopback port. Default 0: any free one. */
  readonly port?: number;
  /** User → password. Given: a login (SASL PLAIN) is required. Absent: none is, and any is taken. */
  readonly credentials?: Readonly<Record<string, string>>;
  /** Makes a topic that is asked for. Default: no. */
  readonly autoCreate?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * One Kafka broker over its own wire protocol, for tests where no real one can be had: records in batches of format 2 with
 * their checksums, producers known by id and sequence, consumer groups by the classic protocol, committed offsets, long
 * polls. One node, no replicas, no transactions, no retention, no TLS; groups do not outlive it.
 */
export interface KafkaServer extends AsyncDisposable {
  readonly port: number;
  /** A second listener, as brokers have for the inside of a network: whoever comes by it is told to come by it. */
  readonly insidePort: number;
  /** Where clients of `port` are told to come from now on: a hop in front of it, else they would go around. */
  advertise(port: number): void;
  createTopic(name: string, partitions: number): void;
  /** Of each partition, in order. */
  records(topic: string): readonly (readonly StoredRecord[])[];
  /** Records that a group has not committed yet. */
  left(topic: string, group: string): number;
  /** Ends every connection, as a server does that dies. */
  cut(): void;
}

const HOST = '127.0.0.1';
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;

export async function kafkaServer(options: KafkaServerOptions): Promise<KafkaServer> {
  const { clock = systemClock, random = systemRandom } = options;
  const state = new BrokerState(options.folder, clock, random);
  const sockets = new Set<Socket>();
  const listen = async (at: number, advertised: () => number) => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      const session = new Session({
        state,
        advertised: () => ({ host: HOST, port: advertised() }),
        autoCreate: options.autoCreate ?? false,
        ...(options.credentials && { credentials: options.credentials }),
      });
      // What a client says that is no request ends its connection, and only that.
      void converse(socket, session).catch(() => socket.destroy());
    });
    server.listen(at, HOST);
    await once(server, 'listening');
    const address = server.address();
    return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
  };
  let advertised: number | undefined;
  const outside = await listen(options.port ?? 0, () => advertised ?? outside.port);
  const inside = await listen(0, () => inside.port);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: outside.port,
    insidePort: inside.port,
    cut,
    advertise: (to) => {
      advertised = to;
    },
    createTopic: (name, partitions) => void state.createTopic(name, partitions),
    records: (topic) => (state.topics.get(topic) ?? []).map(({ batches }) => batches.flatMap(recordsOf)),
    left: (topic, group) =>
      (state.topics.get(topic) ?? []).reduce(
        (sum, log, index) => sum + Number(log.end - (state.committed(group, topic, index) ?? 0n)),
        0,
      ),
    [Symbol.asyncDispose]: async () => {
      cut();
      for (const { server } of [outside, inside]) {
        server.close();
        await once(server, 'close');
      }
      state.close();
    },
  };
}

/** One request after another, each answered before the next is looked at, as the protocol has it. */
async function converse(socket: Socket, session: Session): Promise<void> {
  socket.on('error', () => {});
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    // A socket without an encoding gives bytes.
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 4) {
      const size = rest.readInt32BE(0);
      if (size < 0 || size > REQUEST_BYTES_MAX) throw new RangeError('no size of a request');
      if (rest.length < size + 4) break;
      const answer = await respond(rest.subarray(4, size + 4), session);
      rest = rest.subarray(size + 4);
      if (answer === undefined) continue;
      const head = Buffer.alloc(4);
      head.writeInt32BE(answer.length);
      socket.write(Buffer.concat([head, answer]));
    }
  }
}

async function respond(bytes: Buffer, session: Session): Promise<Buffer | undefined> {
  const request = new WireReader(bytes);
  const [key, version, correlation] = [request.int16(), request.int16(), request.int32()];
  const clientId = request.plainString() ?? '';
  const api = apis.get(key);
  if (api === undefined) throw new RangeError(`no API ${key}`);
  if (!session.isOpen && !OPEN_TO_ALL.has(key)) throw new RangeError('not authenticated');
  if (version < api.min || version > api.max) {
    if (key !== API_VERSIONS) throw new RangeError(`no version ${version} of API ${key}`);
    const answer = new WireWriter(false).int32(correlation);
    writeVersions(answer, 0, ERRORS.unsupportedVersion);
    return answer.done();
  }
  const isFlexible = version >= api.flexibleFrom;
  request.isFlexible = isFlexible;
  request.end();
  const answer = new WireWriter(isFlexible).int32(correlation);
  // The answer about versions has the plain head, so that every client can read it.
  if (key !== API_VERSIONS) answer.end();
  let isWanted = true;
  const dropAnswer = (): void => {
    isWanted = false;
  };
  await api.answer(request, answer, { version, clientId, session, dropAnswer });
  return isWanted ? answer.done() : undefined;
}

const SASL_HANDSHAKE = 17;
const SASL_AUTHENTICATE = 36;
const OPEN_TO_ALL = new Set([API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE]);
