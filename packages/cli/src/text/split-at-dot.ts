/**
 * `<connection>.<operation>` or `<contract>.<event>` as its two names. The first dot parts them, as in a pipeline: ids of
 * operations and events may have dots of their own. Without a dot the second is empty, which nothing is named.
 */
export function splitAtDot(name: string): readonly [string, string] {
  const dot = name.indexOf('.');
  return dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}
