import type { Statements } from '../file/statements.ts';

/** What runs are called by people: the number of a row is no name that a command takes. */
export interface RunIds {
  readonly ofRun: (seq: number) => string | undefined;
  /** The first run that an event has started. */
  readonly ofEvent: (seq: number) => string | undefined;
}

export function runIds(read: Statements): RunIds {
  const found = (sql: string, seq: number): string | undefined => {
    try {
      const row = read.of(sql).get(seq);
      return row && String(row['run_id']);
    } catch {
      // It is looked for to tell of damage, and may lie in what is damaged: then the number has to do.
      return undefined;
    }
  };
  return {
    ofRun: (seq) => found('SELECT run_id FROM runs WHERE seq = ?', seq),
    ofEvent: (seq) => found('SELECT run_id FROM runs WHERE event_seq = ? ORDER BY seq LIMIT 1', seq),
  };
}
