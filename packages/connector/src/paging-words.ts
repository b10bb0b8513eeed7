/** Parameter names that APIs use for paging, where no manifest says more: lower case, without `_`, `-` and brackets. */
const WORDS = {
  limit: ['limit', 'perpage', 'pagesize', 'size', 'count', 'maxresults', 'first', 'top'],
  page: ['page', 'pagenumber', 'pageno', 'pageindex'],
  offset: ['offset', 'start', 'startat', 'skip', 'startindex'],
  cursor: ['cursor', 'after', 'startingafter', 'pagetoken', 'nexttoken', 'continue', 'marker', 'nextcursor'],
} as const;

export type PagingRole = keyof typeof WORDS;

/** What a parameter of this name mostly is to a listing that pages. */
export function pagingRole(parameter: string): PagingRole | undefined {
  const plain = parameter.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return PAGING_ROLES.find((role) => (WORDS[role] as readonly string[]).includes(plain));
}

// Object.keys forgets which keys it was given.
export const PAGING_ROLES = Object.keys(WORDS) as readonly PagingRole[];
