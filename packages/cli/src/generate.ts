import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generateWorkspace, isGeneratedPath, planWrite, type WritePlan } from '@tenon/codegen';
import type { Diagnostic } from '@tenon/model';
import type { Session } from './session.ts';

export interface GenerateResult {
  readonly plan: WritePlan;
  readonly drift: readonly Diagnostic[];
  readonly written: number;
}

/** Brings `generated/` of a workspace up to date; with `dry`, only says what would be written. */
export async function generateInto(session: Session, dry = false): Promise<GenerateResult> {
  const existing = await readGenerated(session.root);
  const generation = await generateWorkspace(session.workspace, session.check, existing);
  const plan = planWrite(existing, generation);
  if (!dry) {
    const texts = new Map(generation.files.map(({ path, text }) => [path, text]));
    for (const path of [...plan.created, ...plan.changed]) {
      await mkdir(dirname(join(session.root, path)), { recursive: true });
      await writeFile(join(session.root, path), texts.get(path)!);
    }
    for (const path of plan.removed) await rm(join(session.root, path), { force: true });
  }
  return { plan, drift: plan.drift, written: dry ? 0 : plan.created.length + plan.changed.length };
}

/** Texts below `generated/` that the generator may have written, by path from the root. */
async function readGenerated(root: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    await Promise.all(
      entries.map(async (entry) => {
        const path = `${folder}/${entry.name}`;
        if (entry.isDirectory() && entry.name !== 'node_modules') await visit(path);
        else if (entry.isFile() && isGeneratedPath(path))
          texts.set(path, await readFile(join(root, path), 'utf8'));
      }),
    );
  };
  await visit('generated');
  return texts;
}
