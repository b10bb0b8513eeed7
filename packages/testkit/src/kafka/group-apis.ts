import type { Api } from './apis.ts';
import { ERRORS } from './error-codes.ts';

const findCoordinator: Api = {
  min: 0,
  max: 3,
  flexibleFrom: 3,
  answer: (_request, answer, { version, session }) => {
    const { host, port } = session.advertised();
    if (version >= 1) answer.int32(0);
    answer.int16(ERRORS.none);
    if (version >= 1) answer.string(null);
    // The one node there is.
    answer.int32(1).string(host).int32(port).end();
  },
};

const joinGroup: Api = {
  min: 0,
  max: 7,
  flexibleFrom: 6,
  answer: async (request, answer, { version, session, clientId }) => {
    const group = session.state.group(request.string());
    const sessionMs = request.int32();
    const rebalanceMs = version >= 1 ? request.int32() : sessionMs;
    const memberId = request.string();
    if (version >= 5) request.nullableString();
    const protocolType = request.string();
    const protocols = request.list(() => {
      const protocol = { name: request.string(), metadata: request.bytes() ?? Buffer.alloc(0) };
      request.end();
      return protocol;
    });
    // Before version 4 a member is given its id with the first answer.
    const id = memberId === '' && version < 4 ? group.promise(clientId) : memberId;
    const joined = await group.join({
      memberId: id,
      clientId,
      sessionMs,
      rebalanceMs,
      protocolType,
      protocols,
    });
    if (version >= 2) answer.int32(0);
    answer.int16(joined.error).int32(joined.generation);
    if (version >= 7) answer.string(protocolType);
    answer.string(joined.protocol).string(joined.leader).string(joined.memberId);
    answer.list(joined.members, ({ id, metadata }) => {
      answer.string(id);
      if (version >= 5) answer.string(null);
      answer.bytes(metadata).end();
    });
    answer.end();
  },
};

const syncGroup: Api = {
  min: 0,
  max: 5,
  flexibleFrom: 4,
  answer: async (request, answer, { version, session }) => {
    const group = session.state.group(request.string());
    const generation = request.int32();
    const memberId = request.string();
    if (version >= 3) request.nullableString();
    const protocol = version >= 5 ? [request.nullableString(), request.nullableString()] : [];
    const assignments = request.list(() => {
      const assignment = [request.string(), request.bytes() ?? Buffer.alloc(0)] as const;
      request.end();
      return assignment;
    });
    const synced = await group.sync(memberId, generation, new Map(assignments));
    if (version >= 1) answer.int32(0);
    answer.int16(synced.error);
    for (const part of protocol) answer.string(part);
    answer.bytes(synced.assignment).end();
  },
};

const heartbeat: Api = {
  min: 0,
  max: 4,
  flexibleFrom: 4,
  answer: (request, answer, { version, session }) => {
    const group = session.state.group(request.string());
    const generation = request.int32();
    if (version >= 1) answer.int32(0);
    answer.int16(group.heartbeat(request.string(), generation)).end();
  },
};

const leaveGroup: Api = {
  min: 0,
  max: 4,
  flexibleFrom: 4,
  answer: (request, answer, { version, session }) => {
    const group = session.state.group(request.string());
    if (version >= 1) answer.int32(0);
    if (version < 3) {
      answer.int16(group.leave(request.string()));
      return;
    }
    const members = request.list(() => {
      const id = request.string();
      request.nullableString();
      request.end();
      return id;
    });
    answer.int16(ERRORS.none);
    answer.list(members, (id) => answer.string(id).string(null).int16(group.leave(id)).end()).end();
  },
};

const offsetCommit: Api = {
  min: 2,
  max: 8,
  flexibleFrom: 8,
  answer: (request, answer, { version, session }) => {
    const { state } = session;
    const id = request.string();
    const generation = request.int32();
    const memberId = request.string();
    if (version >= 7) request.nullableString();
    // How long the offset is kept: for ever, here.
    if (version < 5) request.int64();
    const refusal = state.group(id).commitRefusal(memberId, generation);
    const topics = request.list(() => {
      const name = request.string();
      const partitions = request.list(() => {
        const index = request.int32();
        const offset = request.int64();
        if (version >= 6) request.int32();
        request.nullableString();
        request.end();
        const isThere = state.log(name, index) !== undefined;
        if (refusal === ERRORS.none && isThere) state.commit(id, name, index, offset);
        return { index, error: isThere ? refusal : ERRORS.unknownTopicOrPartition };
      });
      request.end();
      return { name, partitions };
    });
    if (version >= 3) answer.int32(0);
    answer.list(topics, ({ name, partitions }) => {
      answer.string(name).list(partitions, ({ index, error }) => answer.int32(index).int16(error).end());
      answer.end();
    });
    answer.end();
  },
};

const offsetFetch: Api = {
  min: 1,
  max: 7,
  flexibleFrom: 6,
  answer: (request, answer, { version, session }) => {
    const { state } = session;
    const id = request.string();
    const asked = request.nullableList(() => {
      const name = request.string();
      const partitions = request.list(() => request.int32());
      request.end();
      return { name, partitions };
    });
    const all = [...state.topics].map(([name, logs]) => ({ name, partitions: [...logs.keys()] }));
    if (version >= 3) answer.int32(0);
    answer.list(asked ?? all, ({ name, partitions }) => {
      answer.string(name).list(partitions, (index) => {
        answer.int32(index).int64(state.committed(id, name, index) ?? -1n);
        if (version >= 5) answer.int32(-1);
        answer.string('').int16(ERRORS.none).end();
      });
      answer.end();
    });
    if (version >= 2) answer.int16(ERRORS.none);
    answer.end();
  },
};

/** By the protocol's key. */
export const groupApis: readonly (readonly [number, Api])[] = [
  [8, offsetCommit],
  [9, offsetFetch],
  [10, findCoordinator],
  [11, joinGroup],
  [12, heartbeat],
  [13, leaveGroup],
  [14, syncGroup],
];
