interface Taken {
  readonly offset: bigint;
  readonly leaderEpoch: number;
  isSettled: boolean;
}

/** What may be told to the group: everything before `offset` is on our disk. */
export interface Committable {
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

/**
 * Which records of each partition are settled. A group's position is one number for a partition, so a record may be
 * committed only with all before it: those that were settled early wait for the first that is not.
 */
export class SettledOffsets {
  readonly #taken = new Map<number, Taken[]>();
  readonly #ready = new Map<number, Committable>();

  /** In the order of the partition. Call what it returns when the record is settled. */
  take(partition: number, offset: bigint, leaderEpoch: number): () => void {
    const line = this.#taken.get(partition) ?? [];
    this.#taken.set(partition, line);
    const taken: Taken = { offset, leaderEpoch, isSettled: false };
    line.push(taken);
    return () => {
      taken.isSettled = true;
      for (let head = line[0]; head?.isSettled === true; head = line[0]) {
        this.#ready.set(partition, {
          partition,
          offset: head.offset + 1n,
          leaderEpoch: head.leaderEpoch,
        });
        line.shift();
      }
    };
  }

  /** What has become committable since the last call. */
  drain(): readonly Committable[] {
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    return ready;
  }
}
