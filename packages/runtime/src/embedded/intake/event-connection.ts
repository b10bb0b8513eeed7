/**
 * The connection over which an event came, by its source: of a webhook that is the connection, and of what is taken from a place
 * `<connection>/<place>`. What a person or a pipeline started came over none, and what a pipeline published over the one connection that it
 * was published over, if it was (`emittedBy`). Released from quarantine, an event came over the connection over which it came first. Read
 * from the source and not stored beside it, so that it is known of every event that a file holds, whichever version took it in.
 */
export function connectionOf(source: string): string | undefined {
  return CAME_OVER.exec(source)?.[1] ?? publishedOver(source);
}

/** The source of what a pipeline publishes, over one connection alone or, without `over`, over each that publishes such events. */
export function emittedBy(pipeline: string, over: string | undefined): string {
  return over === undefined ? `pipeline:${pipeline}` : `pipeline:${pipeline}/${over}`;
}

/** The one connection that a pipeline published an event over, where it named one. */
export function publishedOver(source: string): string | undefined {
  return PUBLISHED_OVER.exec(source)?.[1];
}

/** A connection has no `:` in its name, which other sources have. */
const CAME_OVER = /^(?:quarantine:)*([A-Za-z][A-Za-z0-9_-]*)(?:\/|$)/;
/** A pipeline has no `/` in its name. */
const PUBLISHED_OVER = /^(?:quarantine:)*pipeline:[^/]*\/([A-Za-z][A-Za-z0-9_-]*)$/;
