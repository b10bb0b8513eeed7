/**
 * The id of an operation that has none: the method and the path's words, `get /users/{id}` → `getUsersById`.
 * The same for the same method and path, whatever else the document holds.
 */
export function derivedOperationId(method: string, path: string): string {
  const words = path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      const parameter = /^\{([^}]*)\}$/.exec(segment);
      return parameter ? `By${pascal(parameter[1]!)}` : pascal(segment.replaceAll(/\{([^}]*)\}/g, ' by $1 '));
    });
  return method.toLowerCase() + (words.join('') || 'Root');
}

export function pascal(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');
}

/** The first of `name`, `name_2`, `name_3` … that is not taken yet. */
export function freeId(name: string, taken: { has(id: string): boolean }): string {
  if (!taken.has(name)) return name;
  let number = 2;
  while (taken.has(`${name}_${number}`)) number++;
  return `${name}_${number}`;
}
