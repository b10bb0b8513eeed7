import type { Statements } from '../file/statements.ts';
import { heardBy, type InForce } from '../plans/in-force.ts';

/** One step of the index for each name, however many events it has. */
const STORED = `WITH RECURSIVE named (event) AS (SELECT min(event) FROM events
  UNION ALL SELECT (SELECT min(event) FROM events WHERE event > named.event) FROM named WHERE event IS NOT NULL)
  SELECT event FROM named WHERE event IS NOT NULL`;

/** Events that plans in force start with or wait for, that earlier ones may wait for yet, and those that are stored, by name. */
export function eventNames(inForce: InForce, read: Statements): readonly string[] {
  const stored = read
    .of(STORED)
    .all()
    .map((row) => String(row['event']));
  return [...new Set([...heardBy(inForce.begins.values()), ...inForce.awaited(), ...stored])].toSorted();
}
