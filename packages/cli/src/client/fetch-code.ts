import { isObject } from '@tenon/model';

/** Why a `fetch` failed, such as `ECONNREFUSED`: it hides that in its cause. */
export function fetchCode(error: unknown): string | undefined {
  for (const one of [error, error instanceof Error ? error.cause : undefined])
    if (isObject(one) && typeof one['code'] === 'string') return one['code'];
  return undefined;
}
