import { loginRefused, MessageRefused } from '@tenon/connector';

/** Redis answers errors with a first word in capitals; what follows may quote a key. */
export function refusal(error: unknown): MessageRefused | undefined {
  const word = error instanceof Error ? /^([A-Z]{3,})\b/.exec(error.message)?.[1] : undefined;
  if (word === undefined) return undefined;
  if (word === 'NOAUTH' || word === 'WRONGPASS') return loginRefused('Redis', word);
  if (word === 'NOPERM') return new MessageRefused('permission', `Redis refused it (${word})`);
  const isPassing = [
    'OOM',
    'LOADING',
    'BUSY',
    'READONLY',
    'MISCONF',
    'CLUSTERDOWN',
    'TRYAGAIN',
    'MASTERDOWN',
    'NOREPLICAS',
  ].includes(word);
  return new MessageRefused(isPassing ? 'transient' : 'permanent', `Redis refused it (${word})`);
}
