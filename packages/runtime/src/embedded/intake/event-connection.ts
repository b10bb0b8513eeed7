/**
 * The connection over which an event came, by its source: of a webhook that is the connection, and of what is taken from a place
 * `<connection>/<place>`. What a person or a pipeline started, or a pipeline published, came over none. Released from quarantine, an event
 * came over the connection over which it came first. Read from the source and not stored beside it, so that it is known of every event
 * that a file holds, whichever version took it in.
 */
export function connectionOf(source: string): string | undefined {
  return CAME_OVER.exec(source)?.[1];
}

/** A connection has no `:` in its name, which other sources have. */
const CAME_OVER = /^(?:quarantine:)*([A-Za-z][A-Za-z0-9_-]*)(?:\/|$)/;
