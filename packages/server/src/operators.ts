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

/** What an `Authorization` header shows. */
export function tokenOf(header: string | undefined): string | undefined {
  return /^Bearer (.+)$/i.exec(header ?? '')?.[1];
}

/**
 * The operator whose token is shown. Every token is compared in constant time, and all of them are, so that neither the time nor the order
 * tells which one came near.
 */
export function authenticate(presented: string, operators: readonly Operator[]): Operator | undefined {
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

/**
 * May a token be found by trying many? Not one that a machine made of 100 bits or more: hexadecimal (a UUID, too), or letters of both cases
 * with digits. What a person made up is taken for guessable, however long.
 */
export function isGuessable(token: string): boolean {
  const hex = token.replaceAll('-', '');
  if (/^[0-9a-f]+$/i.test(hex) && /[a-f]/i.test(hex))
    return hex.length < HEX_LENGTH_MIN || bitsOf(hex) < BITS_MIN;
  const isMixed = [/[0-9]/, /[a-z]/, /[A-Z]/].every((kind) => kind.test(token));
  return !isMixed || token.length < MIXED_LENGTH_MIN || bitsOf(token) < BITS_MIN;
}

const HEX_LENGTH_MIN = 32;
const MIXED_LENGTH_MIN = 22;
const BITS_MIN = 80;

/** As its own characters tell: one that repeats itself has few. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}
