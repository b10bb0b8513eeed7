import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrors } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';
import { type Args, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import {
  aboutDocument,
  provenanceOf,
  sourceOf,
  tellsOfAnother,
  withProvenance,
} from '../scaffold/contract.ts';
import { loadChanged, loadUnder, type ReadTexts } from '../workspace/contract-base.ts';
import { diffContract } from '../workspace/diff.ts';
import { exists } from '../workspace/root.ts';
import { exitCodeOf, openSession, printReport } from '../workspace/session.ts';
import { report } from './adding.ts';
import { printDiff } from './diff.ts';

/** Before the names of files as they were: their places are not in the files that are there afterwards. */
const BEFORE = 'before:';

/**
 * Puts the next version of a vendor's document in the place of the one that a contract has, and says what changes and whom
 * it hits. Overlay and policy stay; a document that cannot be read is not written.
 */
export async function updateContract(
  {
    name,
    from,
    text,
    root,
  }: { readonly name: string; readonly from: string; readonly text: string; readonly root: string },
  args: Args,
  io: Io,
): Promise<ExitCode> {
  const session = await openSession(io);
  const present = 'workspace' in session ? session.workspace.contracts.get(name) : undefined;
  const old = present?.files[0];
  if (!('workspace' in session) || present === undefined || old === undefined)
    throw new UsageError(
      'argument-unknown',
      `the workspace has no contract ${name} that can be read; without --update one is added`,
    );
  const { format, file, version } = aboutDocument(from, text);
  if (format !== present.format)
    throw new UsageError(
      'argument-invalid',
      `contract ${name} is ${present.format}, and ${from} is ${format}: add it under another name`,
    );
  const folder = `contracts/${name}`;
  const document = `${folder}/${file}`;
  const policy = `${folder}/contract.yaml`;
  const policyBefore = await readFile(join(root, policy), 'utf8').catch(() => undefined);
  const provenance = provenanceOf({
    source: sourceOf(from, root, io.cwd),
    version,
    text,
    at: io.clock.now(),
  });
  if (document === old && (await readFile(join(root, old), 'utf8')) === text) {
    // An update that was cut short has put the document in its place, and no more.
    const isStale = policyBefore !== undefined && tellsOfAnother(policyBefore, provenance);
    if (isStale) await replaceFile(join(root, policy), withProvenance(policyBefore, provenance));
    const mended = isStale
      ? `; ${policy} told of another one, and was mended\nnext: tenon diff --against HEAD shows what changes, if it was not shown yet`
      : '';
    io.err(`contract ${name} is this document already${mended}\n`);
    return report([], root, args, io);
  }
  if (document !== old && (await exists(join(root, document)))) {
    const message = `${document} exists beside ${old}`;
    await printReport(
      { diagnostics: [cliDiagnostic('workspace-file-exists', { message })], checked: {} },
      root,
      args,
      io,
    );
    return exit.findings;
  }

  const changed = new Map([[document, text]]);
  if (policyBefore !== undefined) changed.set(policy, withProvenance(policyBefore, provenance));
  const texts: ReadTexts = new Map(changed);
  const base = await loadUnder(BEFORE, name, old, root, texts);
  const revision = await loadChanged(name, document, root, changed);
  if (!base.value || !revision.value) {
    const diagnostics = base.value ? revision.diagnostics : base.diagnostics;
    await printReport({ diagnostics, checked: {} }, root, args, io, texts);
    io.err('nothing was written\n');
    return exitCodeOf(diagnostics);
  }
  const compared = await diffContract(base.value, revision.value, session, texts, io);
  const faults = revision.diagnostics.filter(({ severity }) => severity === 'error');

  await putInPlace(root, old, document, changed);
  await printDiff({ ...compared, diagnostics: [...compared.diagnostics, ...faults] }, args, io, root);
  io.err(
    `updated contract ${name} from ${present.version} to ${revision.value.version}, in ${document}\nnext: tenon generate, then tenon check; tenon diff --against HEAD says how far the versions of connectors are to be raised\n`,
  );
  if (compared.isBlocked)
    io.err(
      'what stands in the way: change who is hit, or take it back with git, or accept it: tenon diff --against HEAD --accept <fingerprint> --reason …\ntenon diff looks at the pipelines as they are then: who no longer uses the place, or sends what is needed now, is not hit any more. Who uses it otherwise than before still is, for no check can tell that this is right: that is accepted\n',
    );
  return compared.isBlocked || hasErrors(faults) ? exit.findings : exit.clean;
}

/**
 * The document first, then what tells of it. Stopped in between, there is one document, the old or the new one whole, that
 * can be read by the name it has then, and the same command finishes the rest. Two would hide one another.
 */
async function putInPlace(
  root: string,
  old: string,
  document: string,
  changed: ReadonlyMap<string, string>,
): Promise<void> {
  // JSON reads as YAML, and YAML not as JSON: while name and text do not go together, the name is one of YAML.
  const place = document.endsWith('.json') ? old : document;
  if (place !== old) await rename(join(root, old), join(root, place));
  for (const [path, text] of changed) await replaceFile(join(root, path === document ? place : path), text);
  if (place !== document) await rename(join(root, place), join(root, document));
}

/** A disk that is full leaves the file as it was; what was begun beside it is written over next time. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}
