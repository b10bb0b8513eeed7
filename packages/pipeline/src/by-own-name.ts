/** Members that authors name: without a prototype, so that one called `constructor` is one like any other, or absent. */
export function byOwnName<T>(members: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.assign(Object.create(null), Object.fromEntries(members));
}
