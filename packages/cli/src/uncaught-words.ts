import { framesOf, thrownAt } from '@tenon/model';

/** What is said before the process ends of an error that nobody caught; its message only to whoever asks for that. */
export function uncaughtWords(thrown: unknown, isDebugging: boolean): string {
  const more = isDebugging
    ? thrown instanceof Error
      ? thrown.message
      : String(thrown)
    : 'set TENON_DEBUG=1 for its message, and please report it';
  const frames = thrown instanceof Error ? framesOf(thrown) : [];
  return `tenon itself failed: ${[thrownAt(thrown), ...frames, more].join('\n')}\n`;
}
