import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stamps, WritePlan } from '@tenon/codegen';
import { freshnessDigest, isGeneratedPath } from '@tenon/codegen/freshness';
import type { Diagnostic } from '@tenon/model';
import { toolVersion } from '../version.ts';
import { CONFIG_FILE } from './root.ts';
import type { Session } from './session.ts';

export interface GenerateResult {
  readonly plan: WritePlan;
  readonly drift: readonly Diagnostic[];
  readonly written: number;
}

/** Brings `generated/` of a workspace up to date; with `dry`, only says what would be written. */
export async function generateInto(session: Session, dry = false): Promise<GenerateResult> {
  const existing = await readTexts(session.root, 'generated', isGeneratedPath);
  const { generateWorkspace, planWrite } = await import('@tenon/codegen');
  const known = await readStamps(session.root);
  const generation = await generateWorkspace(session.workspace, session.check, existing, known);
  const plan = planWrite(existing, generation, known);
  if (!dry) {
    const texts = new Map(generation.files.map(({ path, text }) => [path, text]));
    for (const path of [...plan.created, ...plan.changed]) {
      await mkdir(dirname(join(session.root, path)), { recursive: true });
      await writeFile(join(session.root, path), texts.get(path)!);
    }
    for (const path of plan.removed) await rm(join(session.root, path), { force: true });
  }
  // What is not there yet was not made: its stamp would call the files as they are edited.
  if (!dry || plan.drift.length === 0) await writeStamps(session.root, generation.stamps);
  return { plan, drift: plan.drift, written: dry ? 0 : plan.created.length + plan.changed.length };
}

const STAMP_FOLDER = join('.tenon', 'cache', 'generated');

async function readStamps(root: string): Promise<Stamps> {
  const files = await readdir(join(root, STAMP_FOLDER)).catch(() => []);
  const texts = files.map(
    async (file) =>
      [file.replace(/\.json$/, ''), await readFile(join(root, STAMP_FOLDER, file), 'utf8')] as const,
  );
  return new Map(await Promise.all(texts));
}

async function writeStamps(root: string, stamps: Stamps): Promise<void> {
  const folder = join(root, STAMP_FOLDER);
  const write = async (): Promise<void> => {
    await mkdir(folder, { recursive: true });
    for (const [contract, text] of stamps) await writeFile(join(folder, `${contract}.json`), text);
  };
  // A read-only workspace makes everything again every time.
  await write().catch(() => undefined);
}

/**
 * Is `generated/` as the last generation left it, and so is all that it was made from? Then another would change
 * nothing, and nothing has to be loaded to say so.
 */
export async function isFresh(root: string): Promise<boolean> {
  const remembered = await readFile(join(root, DIGEST_FILE), 'utf8').catch(() => undefined);
  return remembered !== undefined && remembered === (await currentDigest(root));
}

/** To be called when `generated/` has just been found, or made, up to date. */
export async function rememberFresh(root: string): Promise<void> {
  const digest = await currentDigest(root);
  // A read-only workspace looks again every time.
  await mkdir(dirname(join(root, DIGEST_FILE)), { recursive: true })
    .then(() => writeFile(join(root, DIGEST_FILE), digest))
    .catch(() => undefined);
}

const DIGEST_FILE = join('.tenon', 'cache', 'generated.digest');
const SOURCE_FOLDERS = ['contracts', 'connectors', 'pipelines'];
const SOURCE_FILES = [CONFIG_FILE, 'owners.yaml', 'package.json'];
/** What a generation reads: documents and specs, not the code beside them. */
const SOURCE = /\.(ya?ml|json)$/;

async function currentDigest(root: string): Promise<string> {
  const sources = new Map<string, string>();
  for (const folder of SOURCE_FOLDERS) {
    for (const [path, text] of await readTexts(root, folder, (file) => SOURCE.test(file)))
      sources.set(path, text);
  }
  for (const file of SOURCE_FILES) {
    const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
    if (text !== undefined) sources.set(file, text);
  }
  sources.set('tenon', await ownVersion());
  return freshnessDigest(sources, await readTexts(root, 'generated', isGeneratedPath));
}

/** Which Tenon generates: the version installed; run from its sources, also when the youngest of them was written. */
async function ownVersion(): Promise<string> {
  if (!import.meta.url.endsWith('.ts')) return toolVersion;
  const packages = fileURLToPath(new URL('../../..', import.meta.url));
  const files = await readdir(packages, { recursive: true, withFileTypes: true });
  const sources = files.filter(
    (entry) => entry.name.endsWith('.ts') && !/node_modules|[\\/]dist/.test(entry.parentPath),
  );
  const written = await Promise.all(
    sources.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs),
  );
  return `${toolVersion} ${Math.max(...written)}`;
}

/** Texts of the files below a folder that are wanted, by path from the root. */
async function readTexts(
  root: string,
  top: string,
  isWanted: (path: string) => boolean,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    await Promise.all(
      entries.map(async (entry) => {
        const path = `${folder}/${entry.name}`;
        if (entry.isDirectory() && entry.name !== 'node_modules' && entry.name !== 'dist') await visit(path);
        else if (entry.isFile() && isWanted(path)) texts.set(path, await readFile(join(root, path), 'utf8'));
      }),
    );
  };
  await visit(top);
  return texts;
}
