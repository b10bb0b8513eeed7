import { connectorApi, connectorApiProblem } from '@tenon/connector';
import type { Bench } from '../bench.ts';
import { isHttp } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { says } from '../says.ts';
import { versionProblem } from '../version-step.ts';

/** 1xx: what lies in the folder. */
export const fileChecks: readonly Check[] = [
  {
    number: 101,
    name: 'manifest-fits-contract',
    title: 'manifest and contract agree',
    why: 'What a manifest says of an operation, a parameter or a scope that the contract does not have holds for nothing.',
    fix: '`tenon check` shows each finding with its place.',
    needs: 'files',
    run: (bench) => {
      const errors = bench.subject.diagnostics.filter(
        ({ severity, code }) => severity === 'error' && !isAboutExample(code),
      );
      return {
        looked: `${Object.keys(bench.subject.manifest.operations).length} operations`,
        problems: errors.map(
          ({ code, message, file, range }) =>
            `${code}: ${message} (${file}${range ? `:${range.start.line}:${range.start.column}` : ''})`,
        ),
      };
    },
  },
  {
    number: 102,
    name: 'examples-validate',
    title: 'every example in the contract fits its schema',
    why: 'Examples are what people copy, and what sandboxes and contract tests begin with.',
    fix: 'Mend the example or the schema, by an overlay where the document is a vendor’s.',
    needs: 'files',
    run: (bench) => ({
      looked: `contract ${bench.subject.contract.name}`,
      problems: bench.subject.diagnostics
        .filter(({ code }) => isAboutExample(code))
        .map(({ code, message }) => `${code}: ${message}`),
    }),
  },
  {
    number: 103,
    name: 'readme-tells-all',
    title: 'the README names every operation, scope and event',
    why: 'Whoever grants rights or is on call reads the README, and nothing else in time.',
    fix: 'Add what is missing: for each operation its effect, scopes, what a repeat does, and the way back.',
    needs: 'files',
    run: ({ subject: { manifest, readme } }) => {
      if (readme === undefined)
        return { looked: 'the folder', problems: ['there is no README.md beside the manifest'] };
      const tally = new Tally();
      for (const name of [...Object.keys(manifest.operations), ...Object.keys(manifest.webhooks)])
        tally.expect(readme.includes(name), `\`${name}\` is not in it`);
      for (const scope of new Set(Object.values(manifest.operations).flatMap(({ scopes }) => scopes)))
        tally.expect(readme.includes(scope), `scope \`${scope}\` is not in it`);
      const hasUndo = Object.values(manifest.operations).find(
        ({ compensation }) => compensation && !readme.includes(compensation.operation),
      );
      if (hasUndo) tally.problem(`the way back \`${hasUndo.compensation!.operation}\` is not in it`);
      return tally.verdict('names');
    },
  },
  {
    number: 104,
    name: 'version-fits-change',
    title: 'the version number says what has changed since the one before',
    why: 'A workspace takes a patch without looking; a change that breaks it must not come as one.',
    fix: 'Raise the version as far as the change asks for (`metadata.version`).',
    needs: 'files',
    skip: ({ previous }) =>
      previous ? undefined : 'there is no version before to compare with; name one with --against',
    run: ({ subject }) => {
      const previous = subject.previous!;
      const problem = versionProblem(subject, previous);
      return {
        looked: `${previous.manifest.version} → ${subject.manifest.version} since ${previous.name}`,
        problems: problem === undefined ? [] : [problem],
      };
    },
  },
  {
    number: 105,
    name: 'api-version-supported',
    title: 'its code is written for a connector API that is supported',
    why: 'Code for another version would be called with what it does not expect.',
    fix: `Build it against the present one (${connectorApi.current}): \`export default defineConnector({ … })\`.`,
    needs: 'files',
    skip: ({ module }) => (Object.keys(module).length === 0 ? 'it has no code of its own' : undefined),
    run: ({ subject }) => {
      const problem = connectorApiProblem(subject.module);
      return { looked: `API ${subject.module.api ?? 1}`, problems: problem === undefined ? [] : [problem] };
    },
  },
  {
    number: 106,
    name: 'health-without-effect',
    title: 'a health call is declared, answers, and has no effect',
    why: 'Whether a system is there must be askable at any time, by anyone, without changing anything in it.',
    fix: 'Declare `health` with the cheapest read, and `with` where it needs an input; `health: false` where none is good at any time.',
    needs: 'sandbox',
    onTarget: 'reads',
    skip: ({ manifest }) =>
      manifest.health === false
        ? 'it says that it has none'
        : Object.values(manifest.operations).some(({ effect }) => effect === 'read')
          ? undefined
          : 'it has no reads',
    run: async (bench) => {
      const { health } = bench.subject.manifest;
      if (!health) return { looked: '1 manifest', problems: ['no `health` is declared'] };
      const { operation: name, with: input } = health;
      const operation = bench.find(name);
      if (operation === undefined)
        return { looked: '1 manifest', problems: [`\`${name}\` is no operation of the contract`] };
      const tally = new Tally();
      // Whoever asks for health knows nothing to ask about.
      const result = await bench.call(operation, input);
      tally.expect(result.ok, `${name}, with no input but the manifest's: ${says(result)}`);
      if (bench.target.sandbox && bench.sandbox.effects().length > 0)
        tally.problem(`${name}: it changes something`);
      return tally.verdict('health calls');
    },
  },
  {
    number: 107,
    name: 'sandbox-declared',
    title: 'a place to try it is declared',
    why: 'A connector that can be tried only against the real thing is tried on real people’s data.',
    fix: 'Declare the vendor’s: `sandbox: { server: https://…, synthetic: true }`; `synthetic: false` where its data is not made up, `sandbox: false` where there is none.',
    needs: 'files',
    skip: ({ contract, manifest }) => {
      if (manifest.sandbox === false) return 'it says that there is none';
      return isHttpContract(contract)
        ? undefined
        : 'it speaks no HTTP: it is tried against a server of its own kind (`--target`)';
    },
    run: ({ subject: { manifest } }) => ({
      looked: '1 manifest',
      problems: manifest.sandbox === undefined ? ['no `sandbox` is declared'] : [],
    }),
  },
  {
    number: 108,
    name: 'egress-is-needed',
    title: 'no host may be reached that neither contract nor credentials name',
    why: 'Every host more is a place that data and credentials can go to.',
    fix: 'Take it out of `egress`, or name it in the contract as a server of the operations that use it.',
    needs: 'files',
    skip: ({ manifest }) =>
      manifest.egress.length === 0 ? 'it reaches no host but the connection’s own' : undefined,
    run: ({ subject: { manifest, contract } }) => {
      const tally = new Tally();
      const named = hostsNamed(manifest, contract);
      for (const host of manifest.egress)
        tally.expect(named.has(host), `\`${host}\` is named by no server of the contract and no token URL`);
      return tally.verdict('hosts');
    },
  },
  {
    number: 109,
    name: 'way-back-declared',
    title: 'an effect that the contract can undo says how',
    why: 'A pipeline that fails half-way can only undo what says how it is undone.',
    fix: 'Declare `compensation` for the creations named: the contract has an operation that removes what they make.',
    needs: 'sandbox',
    run: (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp)) {
        if (operation.role?.kind !== 'create') continue;
        const undo = bench.effects.find(
          ({ role }) => role?.kind === 'delete' && role.collection.key === operation.role?.collection.key,
        );
        if (undo)
          tally.expect(
            operation.declared.compensation !== undefined,
            `${operation.name}: \`${undo.name}\` removes what it makes, and no compensation is declared`,
          );
      }
      return tally.verdict('creations', 'the connector deletes nothing that it creates');
    },
  },
];

function isAboutExample(code: string): boolean {
  return /example/.test(code);
}

function isHttpContract({ operations }: Bench['subject']['contract']): boolean {
  return [...operations.values()].some(({ kind }) => kind === 'http');
}

/** Hosts of servers (the contract's and its operations'), token endpoints and the vendor's sandbox. */
function hostsNamed(
  manifest: Bench['subject']['manifest'],
  contract: Bench['subject']['contract'],
): Set<string> {
  const urls = [
    ...contract.servers.map(({ url }) => url),
    ...[...contract.operations.values()].flatMap((operation) =>
      operation.kind === 'http' ? operation.servers.map(({ url }) => url) : [],
    ),
    ...manifest.auth.flatMap((scheme) => (scheme.type === 'oauth2' ? [scheme.tokenUrl] : [])),
    ...(manifest.sandbox ? [manifest.sandbox.server] : []),
  ];
  return new Set(urls.flatMap((url) => (URL.canParse(url) ? [new URL(url).host] : [])));
}
