import type { IntakeConnection } from './server.ts';

export interface DeliveryCount {
  readonly connection: string;
  readonly event: string;
  accepted: number;
  refused: number;
}

/**
 * Deliveries since the process began: of each webhook those taken and refused, and by code those that were refused before the runtime was
 * asked, which counts its own. Only webhooks that there are have a line: whoever calls other addresses must not make any.
 */
export class DeliveryCounts {
  readonly #webhooks = new Map<string, DeliveryCount>();
  readonly #refused: Record<string, number> = {};

  constructor(connections: ReadonlyMap<string, IntakeConnection>) {
    // Each from the first scrape on: a series that begins at 1 has no increase.
    for (const [connection, { webhooks }] of connections)
      for (const event of Object.keys(webhooks))
        this.#webhooks.set(nameOf(connection, event), { connection, event, accepted: 0, refused: 0 });
  }

  get webhooks(): readonly DeliveryCount[] {
    return [...this.#webhooks.values()];
  }

  get refusedByCode(): Readonly<Record<string, number>> {
    return this.#refused;
  }

  settled(connection: string, event: string, outcome: 'accepted' | 'refused'): void {
    const count = this.#webhooks.get(nameOf(connection, event));
    if (count !== undefined) count[outcome]++;
  }

  refusedBefore(code: string): void {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
  }
}

function nameOf(connection: string, event: string): string {
  return `${connection}/${event}`;
}
