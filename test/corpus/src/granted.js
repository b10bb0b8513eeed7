import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles, writeGrants } from '@tenon/pipeline';
export const CONFIG = 'tenon.config.yaml';
/** The files of a workspace whose pipelines are granted what they need, as `tenon grants --write` leaves them. */
export async function granted(files) {
  const { value } = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files));
  if (!value) throw new Error('the workspace does not load');
  return {
    ...files,
    [CONFIG]: writeGrants(files[CONFIG] ?? '', checkWorkspace(value, { plans: false }).needed),
  };
}
//# sourceMappingURL=granted.js.map
