import { loginRefused, MessageRefused } from '@tenon/connector';
import type { FailureClass } from '@tenon/model';

/** What an SQLSTATE means, by its longest known beginning (PostgreSQL, appendix A). */
const CLASSES: readonly (readonly [string, FailureClass])[] = [
  ['23505', 'duplicate'],
  ['23', 'validation'],
  ['22', 'validation'],
  ['28', 'auth'],
  ['3D', 'permanent'],
  ['40001', 'transient'],
  ['40P01', 'transient'],
  ['42501', 'permission'],
  ['42', 'permanent'],
  ['53', 'transient'],
  ['55P03', 'transient'],
  ['57', 'transient'],
  ['P0001', 'validation'],
];

export function refusal(error: unknown): MessageRefused | undefined {
  const state = sqlState(error);
  if (state === undefined) return undefined;
  // The server's own text may quote the row; names of constraints are ours, unless a trigger says one (`using constraint = …`).
  const name = error instanceof Error && 'constraint' in error ? error.constraint : undefined;
  const constraint = typeof name === 'string' && CONSTRAINT_NAME.test(name) ? name : undefined;
  const which = constraint === undefined ? '' : `, constraint ${constraint}`;
  return new MessageRefused(
    knownClass(state) ?? 'permanent',
    `the database refused it (SQLSTATE ${state}${which}); nothing was changed`,
  );
}

/** Of a connection that did not come about: nothing was asked yet. */
export function connectRefusal(error: unknown): MessageRefused | undefined {
  // The client's own word where the server asks for a password and none is given, or proves not to know it.
  if (error instanceof Error && error.message.startsWith('SASL:')) return loginRefused('the database');
  const state = sqlState(error);
  // Poolers say by states of their own that they have no room.
  const failureClass = state === undefined ? undefined : knownClass(state);
  if (failureClass === undefined) return undefined;
  return failureClass === 'auth'
    ? loginRefused('the database', `SQLSTATE ${state}`)
    : new MessageRefused(
        failureClass,
        `the database refused the connection (SQLSTATE ${state}); nothing was sent`,
        'notSent',
      );
}

function knownClass(state: string): FailureClass | undefined {
  return CLASSES.find(([beginning]) => state.startsWith(beginning))?.[1];
}

const CONSTRAINT_NAME = /^[A-Za-z_][\w$]{0,62}$/;

/** Five characters; the codes of Node's own errors are longer. The end of the server (57P01 …) is an end of the connection. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(57P|08)/.test(code) ? code : undefined;
}
