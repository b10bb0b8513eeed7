import { type Clock, newId, type Random } from '@tenon/model';
import { ERRORS } from './error-codes.ts';

export interface JoinRequest {
  readonly memberId: string;
  readonly clientId: string;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly protocolType: string;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

export interface JoinAnswer {
  readonly error: number;
  readonly generation: number;
  readonly protocol: string;
  readonly leader: string;
  readonly memberId: string;
  /** For the leader alone, who shares out. */
  readonly members: readonly { readonly id: string; readonly metadata: Buffer }[];
}

interface Member {
  request: JoinRequest;
  assignment: Buffer;
  join?: (answer: JoinAnswer) => void;
  sync?: (answer: { readonly error: number; readonly assignment: Buffer }) => void;
  cancelTimer: () => void;
}

const NOTHING = Buffer.alloc(0);

/**
 * One group of consumers, by the classic protocol.
 *
 * ```
 * empty ─join→ preparing ─all have joined, or time is over→ completing ─leader has shared out→ stable
 *   ↑               ↑──────────── a member joins, leaves, or is silent for its session ──────────┘
 *   └─ the last member goes
 * ```
 * Membership does not survive the server: members are unknown to the next and join anew. Committed offsets do; they are
 * kept elsewhere.
 */
export class Group {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #members = new Map<string, Member>();
  /** Ids given out to those that have not joined under them yet. */
  readonly #promised = new Set<string>();
  #state: 'empty' | 'preparing' | 'completing' | 'stable' = 'empty';
  #generation = 0;
  #protocol = '';
  #leader = '';
  #cancelRebalance: () => void = () => {};

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  join(request: JoinRequest): Promise<JoinAnswer> | JoinAnswer {
    const { memberId } = request;
    if (memberId === '')
      return { ...this.#refused(ERRORS.memberIdRequired), memberId: this.promise(request.clientId) };
    const known = this.#members.get(memberId);
    if (known === undefined && !this.#promised.delete(memberId)) return this.#refused(ERRORS.unknownMember);
    if (!this.#isCommon(request)) return this.#refused(ERRORS.inconsistentGroupProtocol);
    const isSame = known !== undefined && sameProtocols(known.request, request);
    // It missed the answer to its join; nothing has changed, so nobody else is disturbed.
    if (this.#state === 'stable' && isSame && memberId !== this.#leader) return this.#joined(memberId);
    const member = known ?? { request, assignment: NOTHING, cancelTimer: () => {} };
    member.request = request;
    this.#members.set(memberId, member);
    member.cancelTimer();
    return new Promise((resolve) => {
      member.join = resolve;
      if (this.#state === 'preparing') this.#completeIfAllJoined();
      else this.#prepare();
    });
  }

  /** An id to join under. */
  promise(clientId: string): string {
    const id = `${clientId}-${newId(this.#clock, this.#random)}`;
    this.#promised.add(id);
    return id;
  }

  sync(
    memberId: string,
    generation: number,
    assignments: ReadonlyMap<string, Buffer>,
  ): Promise<{ readonly error: number; readonly assignment: Buffer }> {
    const member = this.#members.get(memberId);
    const error = this.#refusal(memberId, generation);
    const refuse = (code: number) => Promise.resolve({ error: code, assignment: NOTHING });
    if (member === undefined || error !== ERRORS.none) return refuse(error);
    if (this.#state === 'preparing') return refuse(ERRORS.rebalanceInProgress);
    this.#listen(memberId);
    if (this.#state === 'stable')
      return Promise.resolve({ error: ERRORS.none, assignment: member.assignment });
    return new Promise((resolve) => {
      member.sync = resolve;
      if (memberId === this.#leader) this.#shareOut(assignments);
    });
  }

  heartbeat(memberId: string, generation: number): number {
    const error = this.#refusal(memberId, generation);
    if (error !== ERRORS.none) return error;
    this.#listen(memberId);
    return this.#state === 'preparing' ? ERRORS.rebalanceInProgress : ERRORS.none;
  }

  leave(memberId: string): number {
    return this.#remove(memberId) ? ERRORS.none : ERRORS.unknownMember;
  }

  /** May this member commit offsets? Who is in no group may while the group has no members. */
  commitRefusal(memberId: string, generation: number): number {
    if (generation < 0 && this.#members.size === 0) return ERRORS.none;
    const error = this.#refusal(memberId, generation);
    if (error !== ERRORS.none) return error;
    this.#listen(memberId);
    return this.#state === 'completing' ? ERRORS.rebalanceInProgress : ERRORS.none;
  }

  close(): void {
    this.#cancelRebalance();
    for (const { cancelTimer } of this.#members.values()) cancelTimer();
  }

  #prepare(): void {
    this.#state = 'preparing';
    for (const member of this.#members.values()) {
      member.sync?.({ error: ERRORS.rebalanceInProgress, assignment: NOTHING });
      delete member.sync;
    }
    const longestMs = Math.max(...[...this.#members.values()].map(({ request }) => request.rebalanceMs));
    this.#cancelRebalance();
    this.#cancelRebalance = this.#clock.setTimer(longestMs, () => {
      for (const [id, { join }] of [...this.#members]) if (join === undefined) this.#forget(id);
      this.#complete();
    });
    this.#completeIfAllJoined();
  }

  #completeIfAllJoined(): void {
    if ([...this.#members.values()].every(({ join }) => join !== undefined)) this.#complete();
  }

  #complete(): void {
    this.#cancelRebalance();
    const [first] = this.#members.keys();
    if (first === undefined) {
      this.#state = 'empty';
      return;
    }
    this.#generation++;
    this.#state = 'completing';
    if (!this.#members.has(this.#leader)) this.#leader = first;
    this.#protocol = this.#commonProtocol();
    for (const [id, member] of this.#members) {
      member.assignment = NOTHING;
      const answer = member.join;
      delete member.join;
      this.#listen(id);
      answer?.(this.#joined(id));
    }
  }

  #shareOut(assignments: ReadonlyMap<string, Buffer>): void {
    this.#state = 'stable';
    for (const [id, member] of this.#members) {
      member.assignment = assignments.get(id) ?? NOTHING;
      member.sync?.({ error: ERRORS.none, assignment: member.assignment });
      delete member.sync;
    }
  }

  /** It has been heard: its session begins anew. */
  #listen(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    member.cancelTimer();
    member.cancelTimer = this.#clock.setTimer(member.request.sessionMs, () => {
      // Who stands in line for the next generation is silent on purpose.
      if (member.join === undefined) this.#remove(memberId);
    });
  }

  #remove(memberId: string): boolean {
    if (!this.#forget(memberId)) return false;
    if (this.#members.size === 0) {
      this.#cancelRebalance();
      this.#state = 'empty';
    } else if (this.#state === 'preparing') this.#completeIfAllJoined();
    else this.#prepare();
    return true;
  }

  #forget(memberId: string): boolean {
    const member = this.#members.get(memberId);
    if (member === undefined) return false;
    member.cancelTimer();
    member.join?.(this.#refused(ERRORS.unknownMember));
    member.sync?.({ error: ERRORS.unknownMember, assignment: NOTHING });
    return this.#members.delete(memberId);
  }

  #refusal(memberId: string, generation: number): number {
    if (!this.#members.has(memberId)) return ERRORS.unknownMember;
    return generation === this.#generation ? ERRORS.none : ERRORS.illegalGeneration;
  }

  #joined(memberId: string): JoinAnswer {
    const isLeader = memberId === this.#leader;
    return {
      error: ERRORS.none,
      generation: this.#generation,
      protocol: this.#protocol,
      leader: this.#leader,
      memberId,
      members: isLeader
        ? [...this.#members].map(([id, { request }]) => ({
            id,
            metadata: request.protocols.find(({ name }) => name === this.#protocol)?.metadata ?? NOTHING,
          }))
        : [],
    };
  }

  #refused(error: number): JoinAnswer {
    return { error, generation: -1, protocol: '', leader: '', memberId: '', members: [] };
  }

  /** Does it speak a protocol that all others speak too? */
  #isCommon({ protocolType, protocols }: JoinRequest): boolean {
    return [...this.#members.values()].every(
      ({ request }) =>
        request.protocolType === protocolType &&
        request.protocols.some(({ name }) => protocols.some((other) => other.name === name)),
    );
  }

  /** The first of the leader's that all speak. */
  #commonProtocol(): string {
    const leader = this.#members.get(this.#leader)!;
    const all = [...this.#members.values()];
    const common = leader.request.protocols.find(({ name }) =>
      all.every(({ request }) => request.protocols.some((other) => other.name === name)),
    );
    return common?.name ?? '';
  }
}

function sameProtocols(a: JoinRequest, b: JoinRequest): boolean {
  return (
    a.protocols.length === b.protocols.length &&
    a.protocols.every(
      ({ name, metadata }, index) =>
        name === b.protocols[index]!.name && metadata.equals(b.protocols[index]!.metadata),
    )
  );
}
