import { checkWorkspace, loadWorkspaceFiles, nodeWorkspaceFiles, type Plan } from '@tenon/pipeline';
import type { DrillSource } from './parts.ts';

const ROOT = new URL('../../../..', import.meta.url).pathname;

/** The reference workspace of this repository with texts of its files changed, or with files added to it, as a drill takes it. Throws on any finding. */
export async function reference(
  edits: Readonly<Record<string, (text: string) => string>> = {},
): Promise<DrillSource & { plan(name: string): Plan }> {
  const files = nodeWorkspaceFiles(ROOT);
  const loaded = await loadWorkspaceFiles(ROOT, {
    ...files,
    files: async (folder) => {
      const added = Object.keys(edits).filter((name) => name.startsWith(`${folder}/`));
      const names = added.map((name) => name.slice(folder.length + 1)).filter((name) => !name.includes('/'));
      return [...new Set([...(await files.files(folder)), ...names])].sort();
    },
    read: async (name) => {
      const text = await files.read(name);
      const edit = edits[name];
      return edit === undefined ? text : edit(text ?? '');
    },
  });
  const workspace = loaded.value!;
  const check = checkWorkspace(workspace);
  const [error] = [...loaded.diagnostics, ...check.diagnostics].filter(
    ({ severity }) => severity === 'error',
  );
  if (error !== undefined) throw new Error(`${error.file}: ${error.code}: ${error.message}`);
  return {
    workspace,
    plans: check.plans,
    code: new Map(),
    plan: (name) => {
      const plan = check.plans.get(name);
      if (plan === undefined) throw new Error(`there is no plan of ${name}`);
      return plan;
    },
  };
}

/** Replaces a part of a text, which must be there: an edit that changes nothing proves nothing. */
export function swap(from: string, to: string): (text: string) => string {
  return (text) => {
    if (!text.includes(from)) throw new Error(`the text has no ${JSON.stringify(from)}`);
    return text.replace(from, () => to);
  };
}
