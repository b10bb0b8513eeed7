import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { type Diagnostic, didYouMean, fromPointer, toPointer } from '@tenon/model';
import { bundled } from '../../plan-operation.ts';
import { diagnostic } from '../../rules.ts';
import { firstGap, placeOf } from '../data/schema-path.ts';

/** A value of an event that the manifest goes by. */
interface Named {
  readonly event: string;
  /** Where it is named in the manifest. */
  readonly at: readonly string[];
  readonly value: string | undefined;
  readonly code: 'manifest-order-unknown' | 'manifest-event-field-unknown';
}

/**
 * Pointers into an event lead to something in it. Without what orders them, events of one entity could not be told apart
 * in time (C46); without its id or its type, every delivery would be refused.
 */
export function checkManifestEvents(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  return namedIn(manifest).flatMap(({ event, at, value, code }) => {
    const definition = contract.events.get(event);
    // `message`, and names of headers, are not in the payload.
    if (!definition || value === undefined || !value.startsWith('/')) return [];
    const gap = firstGap(placeOf(bundled(contract, definition.message.payload, 'response')), value);
    if (!gap) return [];
    return diagnostic(code, {
      message: `event \`${event}\` has no \`${value}\``,
      at: document.locate(toPointer(at)),
      subject: `${manifest.name} ${event}${code === 'manifest-order-unknown' ? '' : ` ${at.slice(2).join(' ')}`}`,
      ...nearPointer(value, gap),
    });
  });
}

/** The pointer that was meant, where the member at fault is near to one that is there. */
function nearPointer(
  pointer: string,
  { name, candidates }: { readonly name: string; readonly candidates: readonly string[] },
): { fix?: string } {
  const meant = didYouMean(name, candidates);
  if (meant === undefined) return {};
  const tokens = fromPointer(pointer);
  return { fix: `did you mean \`${toPointer(tokens.with(tokens.indexOf(name), meant))}\`?` };
}

function namedIn({ webhooks, sources }: ConnectorManifest): readonly Named[] {
  const order = 'manifest-order-unknown';
  const field = 'manifest-event-field-unknown';
  return [
    ...Object.entries(webhooks).flatMap(([event, one]): Named[] => [
      { event, at: ['webhooks', event, 'order'], value: one.order, code: order },
      // Of a CloudEvent, they stand in the envelope, which the contract need not describe.
      ...(one.envelope === undefined
        ? (['id', 'type'] as const).map(
            (key): Named => ({ event, at: ['webhooks', event, key], value: one[key], code: field }),
          )
        : []),
    ]),
    ...Object.entries(sources).flatMap(([event, one]): Named[] => [
      { event, at: ['sources', event, 'orderBy'], value: one.orderBy, code: order },
      { event, at: ['sources', event, 'id'], value: one.id, code: field },
      { event, at: ['sources', event, 'type', 'at'], value: one.type?.at, code: field },
    ]),
  ];
}
