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

export function fileNames(root: string): FileNames {
  return {
    root,
    fileOf: (uri) => {
      const file = pathOf(uri);
      return file === undefined ? uri : path.relative(root, file).split(path.sep).join('/');
    },
    uriOf: (file) => (/^[a-z][a-z0-9+.-]+:/.test(file) ? file : pathToFileURL(path.join(root, file)).href),
  };
}

/** The absolute path of what is a file. */
export function pathOf(uri: string): string | undefined {
  return uri.startsWith('file:') ? fileURLToPath(uri) : undefined;
}
