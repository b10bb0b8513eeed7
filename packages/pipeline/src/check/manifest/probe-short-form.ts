import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { atPointer, fromPointer, isObject, toPointer } from '@tenon/model';
import { planOperation } from '../../plan-operation.ts';
import { fieldOf, type Place, placeOf, typesOf } from '../data/schema-path.ts';
import { near } from './near.ts';

/** The field of `by`, where nothing else says what is found. */
export function shortForm(document: PositionedDocument, here: readonly string[]): string | undefined {
  const written = atPointer(document.value, toPointer(here));
  if (!isObject(written) || written['found'] !== undefined) return undefined;
  return typeof written['by'] === 'string' ? written['by'] : undefined;
}

/** What `by` goes by and is not there: the author wrote no expression that could be blamed. */
export function shortFormProblem(
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
  by: string,
): { readonly message: string; readonly fix?: string } | undefined {
  const asked = manifest.operations[operation]?.probe?.operation ?? '';
  const { pagination } = manifest.operations[asked] ?? {};
  const listed = planOperation(contract, manifest, asked);
  const effect = planOperation(contract, manifest, operation);
  // Operations that are not there are told as such.
  if (!listed || !effect) return undefined;
  const list = fromPointer(pagination?.items ?? '').reduce(
    (place: Place | undefined, name) => place && fieldOf(place, name).place,
    placeOf(listed.result),
  );
  // Where its pagination points to nothing, that is told as such.
  if (!list) return undefined;
  if (!typesOf(list).has('array'))
    return {
      message: `\`by: ${by}\` looks through the items of \`${asked}\`, and where in its answer they are is not known`,
      fix: pagination
        ? `correct \`items\` in the \`pagination\` of \`${asked}\`: it leads to no list; or write \`found\``
        : `declare \`pagination\` for \`${asked}\`, with \`items\` where its answer holds the list, or write \`with\` and \`found\``,
    };
  const items = fieldOf(list, '*').place;
  const inItems = items && fieldOf(items, by);
  if (inItems && !inItems.place)
    return { message: `the items of \`${asked}\` have no \`${by}\``, ...near(by, inItems.candidates) };
  const body = fieldOf(placeOf(effect.input), 'body').place;
  const inBody = body && fieldOf(body, by);
  if (!inBody?.place)
    return {
      message: `\`by: ${by}\` asks by a field of the request body, and that of \`${operation}\` has no \`${by}\``,
      ...near(by, inBody?.candidates ?? []),
    };
  return undefined;
}
