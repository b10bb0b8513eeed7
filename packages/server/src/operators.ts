import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@tenon/model';

/** `scraper` is given the metrics alone, `viewer` reads, `approver` also decides approvals, `operator` may do everything. */
export type Role = 'scraper' | 'viewer' | 'approver' | 'operator';

export type Permission = 'measure' | 'read' | 'decide' | 'operate';

export const roleGrants: Readonly<Record<Role, readonly Permission[]>> = {
  scraper: ['measure'],
  viewer: ['measure', 'read'],
  approver: ['measure', 'read', 'decide'],
  operator: ['measure', 'read', 'decide', 'operate'],
};

/** Someone who may speak to the operations API. The name is the actor of all that is done with the token. */
export interface Operator {
  readonly name: string;
  readonly role: Role;
  /** Whose approvals they decide; absent: those of all. */
  readonly teams?: readonly string[];
  readonly token: Secret;
}

/** Does somebody decide what a team is asked? What a team is cleared for is shown to those who do. */
export function decidesFor({ role, teams }: Operator, team: string): boolean {
  return roleGrants[role].includes('decide') && (teams === undefined || teams.includes(team));
}

/**
 * The operator that an `Authorization` header names. Every token is compared in constant time, and all of them are,
 * so that neither the time nor the order tells which one came near.
 */
export function authenticate(
  header: string | undefined,
  operators: readonly Operator[],
): Operator | undefined {
  const presented = /^Bearer (.+)$/i.exec(header ?? '')?.[1];
  if (presented === undefined) return undefined;
  const digest = digestOfToken(presented);
  let found: Operator | undefined;
  for (const operator of operators) {
    if (timingSafeEqual(digest, digestOfToken(operator.token.reveal()))) found = operator;
  }
  return found;
}

function digestOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
