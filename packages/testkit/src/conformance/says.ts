import type { CallResult } from '@tenon/connector';

/** What a call came to, in a few words and without any value. */
export function says(result: CallResult): string {
  if (result.ok) return `it succeeded (${result.status})`;
  const { class: name, code, delivery, status } = result.failure;
  return `class ${name}, ${delivery}${status === undefined ? '' : `, status ${status}`} (${code})`;
}
