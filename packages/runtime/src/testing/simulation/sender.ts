import type { Json, Random } from '@tenon/model';
import type { AcceptResult, RunState, RunSummary } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import type { AccountName } from './accounts.ts';
import { Bookings } from './bookings.ts';
import type { Coverage } from './coverage.ts';
import { accountOf } from './history.ts';
import type { Life } from './life.ts';
import { isWaitUnderWay } from './meanwhile.ts';
import { type Line, randomLines } from './plans.ts';

/** Whoever sends events: again and again, until a process that lived to say so has acknowledged them. */
export class Sender {
  readonly acknowledged = new Set<string>();
  /** Deliveries that a flag kept from starting a run, as they were answered. */
  readonly flaggedOff = new Set<string>();
  readonly paidAtMs = new Map<string, number>();
  /** Orders that were paid before there was a run of them. */
  readonly paidEarly = new Set<string>();
  readonly lines = new Map<string, readonly Line[]>();
  readonly versions = new Map<string, number>();
  readonly bookings = new Bookings();
  /** How often an order was sent, by its id, and which are being sent. */
  readonly #sendings = new Map<string, number>();
  readonly #beingSent: string[] = [];
  readonly #amounts = new Map<string, number>();
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #life: Life;
  readonly #coverage: Coverage;
  /** What breaks a promise while it happens. */
  readonly violations: string[] = [];
  /** What a new order must start, as long as that is known: another object after each change. */
  inForce: () => { readonly planHash: string } | undefined = () => undefined;

  constructor(bench: Bench, random: Random, life: Life, coverage: Coverage) {
    this.#bench = bench;
    this.#random = random;
    this.#life = life;
    this.#coverage = coverage;
  }

  /** Sends an order; `again`: in another delivery. */
  async order(id: string, again?: number): Promise<void> {
    this.#sendings.set(id, (this.#sendings.get(id) ?? 0) + 1);
    this.#beingSent.push(id);
    const amount = this.#amounts.get(id) ?? (this.#random.next() < 0.9 ? 5 : -5);
    this.#amounts.set(id, amount);
    const lines = this.lines.get(id) ?? randomLines(this.#random);
    this.lines.set(id, lines);
    const version = this.versions.get(id) ?? Math.floor(this.#random.next() * 4);
    this.versions.set(id, version);
    const payload = {
      id,
      account: accountOf(id),
      version,
      amount,
      who: personOf(id),
      lines: lines.map((line) => ({ ...line })),
    };
    const isTaken = await this.#deliver(
      'shop.ordered',
      payload,
      again === undefined ? `d-${id}` : `d-${id}-${again}`,
    );
    this.#beingSent.splice(this.#beingSent.indexOf(id), 1);
    // A flag kept it from being taken: it is kept, and said, but starts no run.
    if (isTaken) this.acknowledged.add(id);
    // The moment after the acknowledgement is a good one to die.
    this.#life.maybeCrash(0.03, 'crash at an acknowledgement');
  }

  /** How often an order was sent; `undefined` while it is being sent. */
  sendingsOf(id: string): number | undefined {
    return this.#beingSent.includes(id) ? undefined : (this.#sendings.get(id) ?? 0);
  }

  /** Says that an order is paid; what a step may wait for. */
  async pay(id: string): Promise<void> {
    if (this.paidAtMs.has(id)) return;
    await this.#deliver('shop.paid', { order: id }, `paid-${id}`);
    this.paidAtMs.set(id, this.#bench.clock.now());
    this.#life.maybeCrash(0.03, 'crash at an acknowledgement');
  }

  /** Books something in one account: with the id, and the delivery, that the other one has as well. */
  async book(id: string, account: AccountName): Promise<void> {
    const version = this.versions.get(id) ?? 0;
    await this.#deliver('shop.booked', { id, account, version }, `booked-${id}`, account);
    this.#life.maybeCrash(0.03, 'crash at an acknowledgement');
  }

  /** Says over one account that what was booked there is settled. */
  async settle(id: string, account: AccountName): Promise<void> {
    await this.#deliver('shop.settled', { id, account }, `settled-${id}`, account);
  }

  async #deliver(
    event: string,
    payload: Json,
    deliveryId: string,
    source: AccountName | 'shop' = 'shop',
  ): Promise<boolean> {
    for (;;) {
      while (this.#life.next !== undefined) await this.#life.next;
      const life = this.#life.crashes;
      const before = this.#runOf(payload)?.state;
      const told = this.#bench.entries.length;
      const inForce = this.inForce();
      if (this.#bench.underWay.length > 0) this.#coverage.saw('event while a batch is being written');
      if (event === 'shop.paid' && isWaitUnderWay(this.#bench))
        this.#coverage.saw('event while a wait is being written');
      if (event === 'shop.paid') this.#seePaid(payload);
      const result = await this.#life.heard(
        this.#bench.runtime.accept({ event, payload, deliveryId, source }),
      );
      if (this.#life.crashes !== life || result === undefined) continue;
      if (!result.ok && this.#life.isDiskBroken) {
        this.#life.crash();
        continue;
      }
      if (!result.ok && result.failure.code === 'RUNTIME_STOPPING') {
        // It is told to come again, and does when the next one is up.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      if (!result.ok) throw new Error(result.failure.message);
      if (result.flaggedOff !== undefined) this.flaggedOff.add(deliveryId);
      if (result.older !== undefined) this.#coverage.saw('older event late');
      if (event === 'shop.ordered' && inForce === this.inForce())
        this.#judgeVersion(payload, inForce, result);
      if (event === 'shop.booked' && source !== 'shop') this.bookings.told(source, deliveryId, result.runs);
      if (event === 'shop.ordered') this.#judgeDuplicate(payload, { state: before, told }, result);
      return result.runs.length > 0;
    }
  }

  /** A duplicate starts nothing and is told what became of the run that there is: that it is dead, for one (C42). */
  #judgeDuplicate(
    payload: Json,
    before: { readonly state: RunState | undefined; readonly told: number },
    { runs, duplicateDelivery }: Extract<AcceptResult, { ok: true }>,
  ): void {
    const told = runs.find(({ pipeline }) => pipeline === 'orders');
    const now = this.#runOf(payload);
    if (told === undefined || now === undefined || told.started) return;
    this.#coverage.saw(duplicateDelivery ? 'duplicate delivery' : 'duplicate of another delivery');
    if (told.runId !== now.runId) this.violations.push(`a duplicate of ${now.key} was told of another run`);
    // What moved meanwhile may have been told as it was, or as it is.
    const hasMoved = this.#bench.entries
      .slice(before.told)
      .some(({ kind, runId }) => kind === 'state' && runId === now.runId);
    if (before.state === now.state && !hasMoved && told.state !== now.state)
      this.violations.push(`a duplicate of ${now.key} was told ${told.state}, and it is ${now.state}`);
  }

  /** What comes starts what was deployed last, or what was gone back to. */
  #judgeVersion(
    payload: Json,
    inForce: { readonly planHash: string } | undefined,
    { runs }: Extract<AcceptResult, { ok: true }>,
  ): void {
    const isNew = runs.some(({ pipeline, started }) => pipeline === 'orders' && started);
    const run = this.#runOf(payload);
    if (inForce !== undefined && isNew && run !== undefined && run.planHash !== inForce.planHash)
      this.violations.push(`${run.key} was started with version ${run.version}, which was not in force`);
  }

  /** Is about to be sent: a run that is on its way to the disk may come after it. */
  #seePaid(payload: Json): void {
    // As `pay` made it.
    const { order: id } = payload as { readonly order: string };
    if (this.#runOf({ id }) === undefined) this.paidEarly.add(id);
  }

  #runOf(payload: Json): RunSummary | undefined {
    // An order has an id; a payment has none.
    const { id } = payload as { readonly id?: string };
    if (id === undefined) return undefined;
    return this.#bench.runtime.runs({ pipeline: 'orders', key: id })[0];
  }
}

/** Whose data an order holds; the name of none begins with that of another. */
export function personOf(id: string): string {
  return `person of ${id}.`;
}
