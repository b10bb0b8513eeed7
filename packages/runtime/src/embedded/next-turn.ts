/** Lets what else waits for this thread have its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Does the work for so many at a time, and lets others have their turn in between. */
export async function inParts<From, To>(
  all: readonly From[],
  atOnce: number,
  work: (part: readonly From[]) => readonly To[] | Promise<readonly To[]>,
): Promise<readonly To[]> {
  const done: To[] = [];
  for (let at = 0; at < all.length; at += atOnce) {
    done.push(...(await work(all.slice(at, at + atOnce))));
    await nextTurn();
  }
  return done;
}
