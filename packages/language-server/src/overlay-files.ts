import { compareText } from '@tenon/model';
import type { WorkspaceFiles } from '@tenon/pipeline';

/** Files on disk with an editor's unsaved texts over them; a text of a file that is not saved yet is a file too. */
export function overlayFiles(disk: WorkspaceFiles, open: ReadonlyMap<string, string>): WorkspaceFiles {
  const below = (folder: string): string[] => {
    const prefix = folder === '' || folder === '.' ? '' : `${folder}/`;
    return [...open.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length));
  };
  const joined = (names: readonly string[]): readonly string[] => [...new Set(names)].sort(compareText);
  return {
    read: async (file) => open.get(file) ?? disk.read(file),
    files: async (folder) =>
      joined([...(await disk.files(folder)), ...below(folder).filter((name) => !name.includes('/'))]),
    folders: async (folder) =>
      joined([
        ...(await disk.folders(folder)),
        ...below(folder).flatMap((name) => (name.includes('/') ? name.split('/')[0]! : [])),
      ]),
  };
}
