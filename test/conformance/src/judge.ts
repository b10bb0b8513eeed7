import type { ConnectorModule } from '@tenon/connector';
import { checkWorkspace, loadWorkspaceFiles, nodeWorkspaceFiles, type WorkspaceFiles } from '@tenon/pipeline';
import { type ConformanceReport, loadSubject, type Previous, runConformance } from '@tenon/testkit';

/** A change to a workspace's files by path: the text that is to stand there instead; one of a file that is not there is given none. */
export type Edits = Readonly<Record<string, (text: string) => string>>;

export interface JudgeOptions {
  readonly edits?: Edits;
  readonly module?: ConnectorModule;
  /** Edits that make the version before of the present one. */
  readonly previous?: Edits;
  readonly only?: readonly number[];
}

/** The kit's verdict on a connector of a folder, changed as told. */
export async function judge(
  root: string,
  name: string,
  options: JudgeOptions = {},
): Promise<ConformanceReport> {
  const files = coded(edited(nodeWorkspaceFiles(root), options.edits ?? {}), name, options.module);
  const { workspace, diagnostics } = await (options.edits ? loaded(files) : kept(root));
  const previous = options.previous && (await previousOf(root, name, options.previous));
  const subject = await loadSubject({
    workspace,
    diagnostics,
    name,
    module: options.module ?? {},
    read: (path) => files.read(path),
    ...(previous && { previous }),
  });
  if (typeof subject === 'string') throw new Error(subject);
  if ('refused' in subject) throw new Error(subject.refused.map(({ message }) => message).join('; '));
  return runConformance(subject, { ...(options.only && { only: options.only }) });
}

async function previousOf(root: string, name: string, edits: Edits): Promise<Previous> {
  const { workspace } = await loaded(edited(nodeWorkspaceFiles(root), edits));
  const manifest = workspace.connectors.get(name)!;
  return { name: 'the one before', manifest, contract: workspace.contracts.get(manifest.contract)! };
}

const workspaces = new Map<string, ReturnType<typeof loaded>>();

/** A folder as it lies there, read once. */
function kept(root: string): ReturnType<typeof loaded> {
  const known = workspaces.get(root) ?? loaded(nodeWorkspaceFiles(root));
  workspaces.set(root, known);
  return known;
}

async function loaded(files: WorkspaceFiles) {
  const { value, diagnostics } = await loadWorkspaceFiles('', files);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return { workspace: value, diagnostics: [...diagnostics, ...checkWorkspace(value).diagnostics] };
}

/** What is handed in as the connector's code stands in the workspace as its file, which a manifest that needs code is checked for. */
function coded(files: WorkspaceFiles, name: string, module: ConnectorModule | undefined): WorkspaceFiles {
  const folder = `connectors/${name}/src`;
  return {
    ...files,
    files: async (path) => {
      const listed = await files.files(path);
      return module !== undefined && path === folder ? [...listed, 'index.ts'] : listed;
    },
  };
}

function edited(files: WorkspaceFiles, edits: Edits): WorkspaceFiles {
  return {
    ...files,
    read: async (path) => {
      const text = await files.read(path);
      const edit = Object.hasOwn(edits, path) ? edits[path] : undefined;
      return edit === undefined ? text : edit(text ?? '');
    },
  };
}

/** What failed, as `number name: problem`; empty for a connector that keeps every promise. */
export function failuresOf({ outcomes }: ConformanceReport): string[] {
  return outcomes
    .filter(({ result }) => result === 'failed' || result === 'error')
    .map(({ check, problems, says }) => `${check.number} ${check.name}: ${problems.join(' | ') || says}`);
}
