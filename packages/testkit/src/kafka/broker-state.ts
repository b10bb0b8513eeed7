import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Random } from '@tenon/model';
import { Group } from './group.ts';
import { PartitionLog } from './partition-log.ts';

/** What is told in the journal, a line each: all that is no record. */
type Fact =
  | { readonly kind: 'topic'; readonly name: string; readonly partitions: number }
  | {
      readonly kind: 'offset';
      readonly group: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
    }
  | { readonly kind: 'producers'; readonly next: number };

const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** All that a broker holds: topics, committed offsets and the number of producers on disk, groups in memory. */
export class BrokerState {
  readonly topics = new Map<string, readonly PartitionLog[]>();
  readonly #offsets = new Map<string, bigint>();
  readonly #groups = new Map<string, Group>();
  readonly #waiting = new Set<() => void>();
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #nextProducer = 1;

  constructor(folder: string, clock: Clock, random: Random) {
    this.#folder = folder;
    this.#clock = clock;
    this.#random = random;
    mkdirSync(folder, { recursive: true });
    for (const line of journalLines(this.#journal)) this.#take(line);
  }

  get #journal(): string {
    return join(this.#folder, 'journal.jsonl');
  }

  /** `false`: it is there already. */
  createTopic(name: string, partitions: number): boolean {
    if (!TOPIC_NAME.test(name)) throw new RangeError('no name of a topic');
    if (this.topics.has(name)) return false;
    this.#tell({ kind: 'topic', name, partitions });
    return true;
  }

  log(topic: string, partition: number): PartitionLog | undefined {
    return this.topics.get(topic)?.[partition];
  }

  committed(group: string, topic: string, partition: number): bigint | undefined {
    return this.#offsets.get(offsetKey(group, topic, partition));
  }

  commit(group: string, topic: string, partition: number, offset: bigint): void {
    this.#tell({ kind: 'offset', group, topic, partition, offset: String(offset) });
  }

  newProducer(): bigint {
    const id = this.#nextProducer;
    this.#tell({ kind: 'producers', next: id + 1 });
    return BigInt(id);
  }

  group(id: string): Group {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const made = new Group(this.#clock, this.#random);
    this.#groups.set(id, made);
    return made;
  }

  /** Somebody has appended: whoever waits for records looks again. */
  appended(): void {
    for (const look of this.#waiting) look();
    this.#waiting.clear();
  }

  /** Resolves when something is appended, after `ms` at the latest. */
  async untilAppended(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const cancel = this.#clock.setTimer(ms, resolve);
    await promise;
    cancel();
    this.#waiting.delete(resolve);
  }

  close(): void {
    for (const group of this.#groups.values()) group.close();
    this.appended();
  }

  #tell(fact: Fact): void {
    appendFileSync(this.#journal, `${JSON.stringify(fact)}\n`);
    this.#take(fact);
  }

  #take(fact: Fact): void {
    if (fact.kind === 'producers') this.#nextProducer = fact.next;
    else if (fact.kind === 'offset')
      this.#offsets.set(offsetKey(fact.group, fact.topic, fact.partition), BigInt(fact.offset));
    else {
      const folder = join(this.#folder, 'topics', fact.name);
      mkdirSync(folder, { recursive: true });
      const logs = Array.from(
        { length: fact.partitions },
        (_, index) => new PartitionLog(join(folder, `${index}.log`)),
      );
      this.topics.set(fact.name, logs);
    }
  }
}

function offsetKey(group: string, topic: string, partition: number): string {
  return JSON.stringify([group, topic, partition]);
}

/** A last line that was being written when the process ended is none. */
function journalLines(file: string): Fact[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // None yet: the very first start.
    return [];
  }
  // Lines that this class wrote.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Fact);
}
