import type { Problem } from './problem.ts';

/** Entries in one answer at most. */
const LISTED_MAX = 1_000;

export function badQuery(detail: string): Problem {
  return { status: 400, code: 'HTTP_QUERY_INVALID', title: 'Bad query', detail };
}

/** How many entries are asked for; as many as `whenUnsaid` where nothing is said of it. */
export function limitOf<Unsaid extends number | undefined>(
  query: Readonly<Record<string, string>>,
  whenUnsaid: Unsaid,
): number | Unsaid | Problem {
  if (query['limit'] === undefined) return whenUnsaid;
  const limit = Number(query['limit']);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LISTED_MAX) return limit;
  return badQuery(`limit must be a whole number from 1 to ${LISTED_MAX}`);
}
