import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Files of a workspace by the names that diagnostics use, and by the addresses that editors use. */
export interface FileNames {
  /** Absolute path of the workspace folder. */
  readonly root: string;
  /** Relative to the root with `/`; the address itself for what is not a file, such as an unsaved buffer. */
  fileOf(uri: string): string;
  uriOf(file: string): string;
}

export function fileNames(rootUri: string): FileNames {
  const root = fileURLToPath(rootUri);
  return {
    root,
    fileOf: (uri) =>
      uri.startsWith('file:') ? path.relative(root, fileURLToPath(uri)).split(path.sep).join('/') : uri,
    uriOf: (file) => (/^[a-z][a-z0-9+.-]+:/.test(file) ? file : pathToFileURL(path.join(root, file)).href),
  };
}
