import type { AuthScheme } from '@tenon/connector';
import { parseTemplate, references } from '@tenon/expression';
import type { Bench, BenchOperation } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { says } from '../says.ts';
import type { Subject } from '../subject.ts';

type HmacScheme = Extract<AuthScheme, { readonly type: 'hmac' }>;

/** 4xx, continued: signatures and certificates, which prove a request by more than a word that is sent along. */
export const proofOfOriginChecks: readonly Check[] = [
  {
    number: 409,
    name: 'signature-covers-request',
    title: 'every request is signed, and the signature covers what it asks for and when',
    why: 'What a signature leaves out, whoever stands in between can change; one without a time can be sent again for ever.',
    fix: 'Let `sign` name the method, the path or URL, the body or its digest, and a timestamp or nonce; send them as the scheme declares.',
    needs: 'sandbox',
    skip: ({ manifest }) => (manifest.auth.some(isSigning) ? undefined : 'it signs no requests'),
    run: async (bench) => {
      const tally = new Tally();
      for (const scheme of bench.subject.manifest.auth) {
        if (scheme.type === 'hmac') covers(scheme, bench, tally);
        if (isSigning(scheme)) await isSent(scheme, bench, tally);
      }
      return tally.verdict('signatures');
    },
  },
  {
    number: 410,
    name: 'no-call-without-certificate',
    title: 'a call that is proved by a client certificate is not made where none can be shown',
    why: 'Over plain HTTP the other side cannot know who calls, and whoever answers cannot be known either.',
    fix: 'Leave the certificate to the HTTP transport, or refuse a base URL without TLS in your own.',
    needs: 'sandbox',
    skip: ({ manifest }) =>
      manifest.auth.some(({ type }) => type === 'mtls') ? undefined : 'it shows no certificate',
    run: async (bench) => {
      const tally = new Tally();
      for (const scheme of bench.subject.manifest.auth) {
        if (scheme.type !== 'mtls') continue;
        const over = bench.transport({ scheme });
        for (const operation of bench.operations) {
          const before = bench.sandbox.requests().length;
          const result = await bench.call(provedBy(scheme, operation), await bench.ready(operation), {
            over,
          });
          const isRefused = !result.ok && result.failure.delivery === 'notSent';
          tally.expect(isRefused, `${operation.name}: ${says(result)} over plain HTTP`);
          if (bench.sandbox.requests().length > before) tally.problem(`${operation.name}: it was sent`);
        }
      }
      return tally.verdict('operations');
    },
  },
];

function isSigning({ type }: AuthScheme): boolean {
  return type === 'hmac' || type === 'awsSigV4';
}

function provedBy(scheme: AuthScheme, operation: BenchOperation): BenchOperation {
  return { ...operation, plan: { ...operation.plan, auth: [scheme] } };
}

/** What is signed, by the manifest's own words: AWS's scheme covers all of it by itself. */
function covers(scheme: HmacScheme, { subject }: Bench, tally: Tally): void {
  const names = new Set(
    parseTemplate(scheme.sign).parts.flatMap((part) =>
      part.kind === 'expression' && part.expression.errors.length === 0
        ? references(part.expression.ast).map(({ root }) => root)
        : [],
    ),
  );
  const needs = [
    { what: 'what is asked for (`path` or `url`)', by: ['path', 'url'] },
    { what: 'when it was signed (`timestamp` or `nonce`)', by: ['timestamp', 'nonce'] },
    ...(hasBodies(subject)
      ? [{ what: 'the body (`body` or `bodyDigest`)', by: ['body', 'bodyDigest'] }]
      : []),
  ];
  for (const { what, by } of needs)
    tally.expect(
      by.some((name) => names.has(name)),
      `${scheme.id}: its signature does not cover ${what}`,
    );
}

function hasBodies({ contract, manifest }: Subject): boolean {
  return Object.keys(manifest.operations).some((name) => {
    const operation = contract.operations.get(name);
    return operation?.kind === 'http' && operation.body !== undefined;
  });
}

/** The sandbox cannot verify it, and sees whether it is there. */
async function isSent(scheme: AuthScheme, bench: Bench, tally: Tally): Promise<void> {
  const over = bench.transport({ scheme });
  const headers = scheme.type === 'hmac' ? Object.keys(scheme.headers) : ['authorization', 'x-amz-date'];
  for (const operation of bench.operations) {
    const input = await bench.ready(operation);
    const before = bench.sandbox.requests().length;
    await bench.call(provedBy(scheme, operation), input, { over });
    const [sent] = bench.sandbox.requests().slice(before);
    const missing = headers.filter((name) => sent?.headers[name.toLowerCase()] === undefined);
    tally.expect(missing.length === 0, `${operation.name}: sent without ${missing.join(', ')}`);
  }
}
