import type { OperationManifest } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import { isObject } from '@tenon/model';
import { singular } from './names.ts';
import type { Role } from './resources.ts';

/** An operation and, in words, what of its effect the sandbox does not do. */
export interface Unsaid {
  readonly operation: string;
  readonly words: string;
}

/** What to do about it. */
export const UNSAID_FIX =
  'give it `x-tenon-sandbox` in the contract’s document, or in `overlay.yaml` beside it: `{ set: { … } }` with the fields that it writes (`{ set: {} }` for none that can be read), and `resource`, `does` and `by` where its path does not tell which row it is about';

/**
 * What an operation is for and the sandbox does not do, because neither path nor body nor `x-tenon-sandbox` tells: it answers as the
 * contract says, and the row that it is about stands as it was. `undefined` for an operation that does here what it says. `effect` is
 * the manifest's, where there is one.
 */
export function unsaid(
  operation: HttpOperation,
  role: Role,
  effect?: OperationManifest['effect'],
): string | undefined {
  const { name } = role.collection;
  if (effect === 'read' || says(operation, ['resource', 'does'])) return undefined;
  switch (role.kind) {
    case 'action':
      return says(operation, ['set', 'requires'])
        ? undefined
        : `the contract does not say what it does to ${aRow(name)} (\`x-tenon-sandbox\`), so the sandbox changes nothing of the one that it names`;
    case 'update':
      return operation.body !== undefined || says(operation, ['set', 'requires'])
        ? undefined
        : `it takes no body, and the contract does not say what it does to ${aRow(name)} (\`x-tenon-sandbox\`), so the sandbox changes nothing of it`;
    case 'create':
      return effect === 'update' || effect === 'delete'
        ? `the contract does not say which row it is about (\`x-tenon-sandbox\`), so the sandbox makes one of \`${name}\` each time, and ${effect}s none`
        : undefined;
    case 'call':
      return changesNothing(operation)
        ? undefined
        : 'the contract does not say what it does (`x-tenon-sandbox`), so the sandbox changes no row';
    default:
      return undefined;
  }
}

/** Does the contract say outright that nothing can be seen of its effect? */
export function changesNothing({ extensions }: Pick<HttpOperation, 'extensions'>): boolean {
  const hints = extensions['x-tenon-sandbox'];
  const set = isObject(hints) ? hints['set'] : undefined;
  return isObject(set) && Object.keys(set).length === 0;
}

function says({ extensions }: HttpOperation, names: readonly string[]): boolean {
  const hints = extensions['x-tenon-sandbox'];
  return isObject(hints) && names.some((name) => Object.hasOwn(hints, name));
}

/** `invoices` → an `invoice`. */
function aRow(collection: string): string {
  const noun = singular(collection.split('.').at(-1)!);
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} \`${noun}\``;
}
