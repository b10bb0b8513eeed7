import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, SecurityScheme, SentCredentials, SentScheme } from '@tenon/contract';
import type { PositionedDocument } from '@tenon/document';
import { type Diagnostic, didYouMean, toPointer } from '@tenon/model';
import { diagnostic } from '../../rules.ts';

/**
 * What proves who calls goes where the contract's security schemes look for it. Only what is sure is said: signatures and
 * certificates are seldom described in a contract, and where it has no schemes, or one that is not known here, nothing
 * speaks against the manifest.
 */
export function checkManifestAuth(
  manifest: ConnectorManifest,
  contract: Contract,
  document: PositionedDocument,
): Diagnostic[] {
  const schemes = [...contract.securitySchemes.values()];
  const looked = schemes.map(lookedFor);
  if (contract.format !== 'openapi' || looked.length === 0 || looked.includes(undefined)) return [];
  const places = looked.filter((one) => one !== undefined);
  return manifest.auth.flatMap((auth, index): Diagnostic[] => {
    const sent = sentIn(auth);
    if (!sent || places.some((place) => isSame(place, sent))) return [];
    const key = auth.type === 'apiKey' ? 'name' : 'type';
    const beside = places.filter((place) => place.in === sent.in).map(({ name }) => name);
    const meant = didYouMean(sent.name, beside);
    return [
      diagnostic('manifest-auth-unlike-contract', {
        message: `\`${auth.id}\` goes into ${written(sent)}, and contract \`${contract.name}\` looks for ${places.map(written).join(' or ')}`,
        at: document.locate(toPointer(['auth', index, key])),
        subject: `${manifest.name} ${auth.id}`,
        ...(meant !== undefined && { fix: `did you mean \`${meant}\`?` }),
      }),
    ];
  });
}

/** What connectors send with every call, by the contract that they speak; of signatures and certificates nothing is said. */
export function sentCredentials(
  manifests: Iterable<ConnectorManifest>,
): ReadonlyMap<string, readonly SentCredentials[]> {
  const byContract = Map.groupBy(manifests, ({ contract }) => contract);
  return new Map(
    [...byContract].map(([contract, speaking]) => [
      contract,
      speaking.map(({ auth, operations }) => ({
        schemes: auth.flatMap((one): SentScheme[] => {
          const place = sentIn(one);
          if (!place) return [];
          const scheme = one.type === 'basic' ? 'basic' : 'bearer';
          return [{ ...place, ...(one.type !== 'apiKey' && { scheme }) }];
        }),
        scopesOf: (operation) =>
          Object.hasOwn(operations, operation) ? (operations[operation]?.scopes ?? []) : [],
      })),
    ]),
  );
}

interface CredentialPlace {
  readonly in: string;
  readonly name: string;
}

/** Where a scheme looks for what proves who calls; `undefined` where that is not known. */
function lookedFor({ type, in: where, name }: SecurityScheme): CredentialPlace | undefined {
  if (type === 'apiKey') return where === undefined || name === undefined ? undefined : { in: where, name };
  return AUTHORIZED.has(type) ? AUTHORIZATION : undefined;
}

function sentIn(auth: ConnectorManifest['auth'][number]): CredentialPlace | undefined {
  if (auth.type === 'apiKey') return { in: auth.in, name: auth.name };
  return AUTHORIZED.has(auth.type) ? AUTHORIZATION : undefined;
}

const AUTHORIZATION: CredentialPlace = { in: 'header', name: 'Authorization' };
/** Types, of contracts and of manifests, that stand in the `Authorization` header. */
const AUTHORIZED: ReadonlySet<string> = new Set(['http', 'oauth2', 'openIdConnect', 'bearer', 'basic']);

/** Names of headers are the same in any case. */
function isSame(a: CredentialPlace, b: CredentialPlace): boolean {
  if (a.in !== b.in) return false;
  return a.name === b.name || (a.in === 'header' && a.name.toLowerCase() === b.name.toLowerCase());
}

function written({ in: where, name }: CredentialPlace): string {
  return `${where} \`${name}\``;
}
