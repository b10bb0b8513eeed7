import type { Idempotency } from '@tenon/connector';
import type { Contract, HttpOperation } from '@tenon/contract';
import { didYouMean } from '@tenon/model';

/**
 * The header that an idempotency key was most likely meant to go in, where the contract knows it and not the one that is
 * named. Many contracts say nothing of the header, and those are believed.
 */
export function keyHeaderProblem(
  contract: Contract,
  operation: HttpOperation,
  idempotency: Idempotency,
):
  | { readonly message: string; readonly misspelt?: { readonly name: string; readonly meant: string } }
  | undefined {
  if (idempotency.mode !== 'header') return undefined;
  const { name } = idempotency;
  const own = headersOf(operation);
  if (own.some((header) => isSame(header, name))) return undefined;
  const message = `\`${operation.id}\` takes no header \`${name}\``;
  const meant = didYouMean(name, own);
  if (meant !== undefined) return { message, misspelt: { name, meant } };
  const others = [...contract.operations.values()].flatMap((other) =>
    other.kind === 'http' && headersOf(other).some((header) => isSame(header, name)) ? other.id : [],
  );
  return others.length === 0 ? undefined : { message: `${message}, as \`${others[0]}\` does` };
}

function headersOf({ parameters }: HttpOperation): readonly string[] {
  return parameters.flatMap((parameter) => (parameter.in === 'header' ? parameter.name : []));
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
