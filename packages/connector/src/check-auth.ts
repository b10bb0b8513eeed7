import type { PositionedDocument } from '@tenon/document';
import { parseTemplate, references } from '@tenon/expression';
import { type Diagnostic, didYouMean, toPointer } from '@tenon/model';
import { SIGNING_NAMES } from './auth/hmac-signature.ts';
import type { ManifestSource } from './fill-manifest.ts';
import { connectorDiagnostic } from './rules.ts';

type AuthSource = NonNullable<ManifestSource['auth']>[number];
type HmacSource = Extract<AuthSource, { readonly type: 'hmac' }>;
type OAuthSource = Extract<AuthSource, { readonly type: 'oauth2' }>;

/** Are the ways to authenticate whole: does every part of them reach the other side, and mean something there? */
export function authDiagnostics(document: PositionedDocument, source: ManifestSource): Diagnostic[] {
  const schemes = source.auth ?? [];
  return schemes.flatMap((scheme, index) => {
    if (scheme.type === 'oauth2')
      return [...tokenHost(document, source, scheme, index), ...oauth(document, schemes, scheme, index)];
    return scheme.type === 'hmac' ? signing(document, scheme, index) : [];
  });
}

function tokenHost(
  document: PositionedDocument,
  source: ManifestSource,
  scheme: OAuthSource,
  index: number,
): Diagnostic[] {
  if (!URL.canParse(scheme.tokenUrl)) return [];
  const host = new URL(scheme.tokenUrl).host;
  if ((source.egress ?? []).includes(host)) return [];
  return [
    connectorDiagnostic('manifest-token-host-undeclared', {
      message: `tokens come from \`${host}\`, which is not in \`egress\``,
      at: document.locate(toPointer(['auth', index, 'tokenUrl'])),
      subject: scheme.id,
      fix: `add \`${host}\` to \`egress\``,
    }),
  ];
}

const OF_EXCHANGES = ['resource', 'subjectTokenType', 'actorTokenType', 'requestedTokenType'] as const;

function oauth(
  document: PositionedDocument,
  schemes: readonly AuthSource[],
  scheme: OAuthSource,
  index: number,
): Diagnostic[] {
  const idle =
    scheme.flow === 'tokenExchange' ? [] : OF_EXCHANGES.filter((member) => scheme[member] !== undefined);
  const found = idle.map((member) =>
    connectorDiagnostic('manifest-auth-contradicts', {
      message: `\`${member}\` is of token exchanges, and the flow of \`${scheme.id}\` is ${scheme.flow}`,
      at: document.locateKey(toPointer(['auth', index, member])),
      subject: `${scheme.id} ${member}`,
    }),
  );
  if (scheme.clientAuth !== 'mtls' || schemes.some(({ type }) => type === 'mtls')) return found;
  return [
    ...found,
    connectorDiagnostic('manifest-auth-contradicts', {
      message: `\`${scheme.id}\` proves the client by its certificate, and no scheme of type mtls says that there is one`,
      at: document.locate(toPointer(['auth', index, 'clientAuth'])),
      subject: `${scheme.id} clientAuth`,
      fix: 'add `{ id: certificate, type: mtls }` to `auth`',
    }),
  ];
}

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Whoever verifies the signature can know these only by being told. */
const TOLD = ['timestamp', 'nonce'] as const;

function signing(
  document: PositionedDocument,
  { id, sign, headers }: HmacSource,
  index: number,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const signed = namesIn(sign, ['sign'], SIGNING_NAMES);
  const sent = new Set<string>();
  for (const [name, text] of Object.entries(headers)) {
    for (const used of namesIn(text, ['headers', name], [...SIGNING_NAMES, 'signature'])) sent.add(used);
    if (!HEADER_NAME.test(name))
      found.push(
        connectorDiagnostic('manifest-value-invalid', {
          message: `\`${name}\` is no header name`,
          at: document.locateKey(toPointer(['auth', index, 'headers', name])),
          subject: `${id} ${name}`,
        }),
      );
  }
  if (found.length > 0) return found;
  const unsent = ['signature', ...TOLD.filter((name) => signed.has(name))].filter((name) => !sent.has(name));
  return unsent.map((name) =>
    connectorDiagnostic('manifest-signature-unsent', {
      message: `no header of \`${id}\` carries the \`${name}\``,
      at: document.locateKey(toPointer(['auth', index, 'headers'])),
      subject: `${id} ${name}`,
      fix: `put \`\${ ${name} }\` into a header`,
    }),
  );

  function namesIn(text: string, tokens: readonly string[], known: readonly string[]): ReadonlySet<string> {
    const at = document.locate(toPointer(['auth', index, ...tokens]));
    const { parts, errors } = parseTemplate(text);
    const used = new Set(
      parts.flatMap((part) =>
        part.kind === 'expression' && part.expression.errors.length === 0
          ? references(part.expression.ast).map(({ root }) => root)
          : [],
      ),
    );
    for (const { message, fix } of errors)
      found.push(
        connectorDiagnostic('manifest-expression-invalid', {
          message,
          at,
          subject: `${id} ${message}`,
          fix,
        }),
      );
    for (const name of used) {
      if (known.includes(name)) continue;
      const meant = didYouMean(name, known);
      found.push(
        connectorDiagnostic('manifest-expression-invalid', {
          message: `there is no \`${name}\` when a request is signed`,
          at,
          subject: `${id} ${name}`,
          fix:
            meant === undefined
              ? `use one of ${known.map((one) => `\`${one}\``).join(', ')}`
              : `did you mean \`${meant}\`?`,
        }),
      );
    }
    return used;
  }
}
