import type { Built } from './build.ts';
import type { Findings } from './findings.ts';
import type { ContractPolicy } from './ir.ts';
import type { Part } from './part.ts';
import { type Place, pointerOf } from './place.ts';

/** What Tenon asks of the workspace's own contracts (those with a `contract.yaml`), and not of a document looked at alone. */
export function lintWorkspace(built: Built, origins: ReadonlyMap<object, Place>, findings: Findings): void {
  for (const event of built.events.values()) {
    const verb = imperativeOf(event.id);
    if (verb !== undefined)
      findings.add('contract-event-imperative', origins.get(event)!, {
        message: `the event ${JSON.stringify(event.id)} sounds like an order (${verb} …)`,
        onKey: true,
      });
  }
  for (const operation of built.operations.values()) {
    const place = origins.get(operation)!;
    if (operation.derivedId)
      findings.add('contract-operation-id-missing', place, {
        message: `this operation has no id of its own; it is known as ${JSON.stringify(operation.id)}`,
        onKey: true,
      });
    if (operation.deprecated && operation.sunset === undefined)
      findings.add('contract-deprecated-without-sunset', place, {
        message: `${operation.id} is deprecated and does not say until when it works`,
        onKey: true,
      });
    if (operation.sunset !== undefined && !RFC_3339_DATE.test(operation.sunset))
      findings.add('contract-sunset-date', place, {
        message: `\`x-sunset\` of ${operation.id} is ${JSON.stringify(operation.sunset)}; expected a date such as 2027-03-31`,
      });
  }
}

/** What is named as a credential is classed, or everybody who looks at a run reads it. */
export function lintSecrets(members: readonly Part[], { classes }: ContractPolicy, findings: Findings): void {
  const isClassed = (place: Place | undefined): boolean =>
    place !== undefined && (Object.hasOwn(classes, pointerOf(place)) || isClassed(place.parent));
  for (const member of members)
    if (!isClassed(member.place))
      findings.add('contract-secret-unclassed', member, {
        message: `${JSON.stringify(member.place.token)} sounds like a credential, and nothing says that it is one`,
        fix: `add \`'${pointerOf(member.place)}': secret\` to \`classes\` of contract.yaml`,
        onKey: true,
      });
}

const RFC_3339_DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[Tt].+)?$/;

/** Verbs that name an order when an event begins with them; each is also said of what *was done* with another ending. */
const VERBS = new Set(
  'create update delete remove add send cancel approve reject pay charge refund void close open start stop set get change assign notify publish process sync upgrade downgrade register activate deactivate enable disable confirm ship submit request'.split(
    ' ',
  ),
);

/** The verb that an event's name begins with, unless what follows is a fact of its own (`update.failed`, `requestReceived`). */
export function imperativeOf(id: string): string | undefined {
  const words = id
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
  const [first] = words;
  const last = words.at(-1)!;
  const isFact = words.length > 1 && (/(?:ed|en|wn|nt|id)$/.test(last) || PARTICIPLES.has(last));
  return first !== undefined && VERBS.has(first) && !isFact ? first : undefined;
}

const PARTICIPLES = new Set([
  'sent',
  'paid',
  'lost',
  'made',
  'done',
  'due',
  'met',
  'set',
  'begun',
  'started',
]);
