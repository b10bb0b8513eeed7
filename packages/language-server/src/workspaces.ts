import { existsSync } from 'node:fs';
import path from 'node:path';
import { nodeWorkspaceFiles } from '@tenon/pipeline';
import { openProject, type Project } from './project.ts';
import { type FileNames, fileNames, pathOf } from './uris.ts';

/** The file that makes a folder a workspace. */
const CONFIG_FILE = 'tenon.config.yaml';

/** A workspace of which the editor has a file open, or that it has opened itself. */
export interface OpenWorkspace {
  readonly project: Project;
  readonly names: FileNames;
}

/**
 * The workspaces that an editor works in, each opened once. What an editor opens may lie above a workspace (a repository of many),
 * in it, or be one: whose a file is, is told by the nearest `tenon.config.yaml` in its folder or above, as the command line tells it.
 */
export class Workspaces {
  readonly #open = new Map<string, OpenWorkspace>();
  /** By the address of an open document: its workspace, and its text. */
  readonly #documents = new Map<string, { readonly at: OpenWorkspace | undefined; readonly text: string }>();

  get all(): readonly OpenWorkspace[] {
    return [...this.#open.values()];
  }

  /** The folders that the editor opens: those that are a workspace, so that all their files are looked at, open or not. */
  begin(folders: readonly string[]): void {
    for (const uri of folders) {
      const folder = pathOf(uri);
      if (folder !== undefined && existsSync(path.join(folder, CONFIG_FILE))) this.#at(folder);
    }
  }

  /** The workspace of a document; `undefined` where it is in none. */
  of(uri: string): OpenWorkspace | undefined {
    return this.#documents.has(uri) ? this.#documents.get(uri)!.at : this.#find(uri);
  }

  /** A document is open with this text; `undefined` when it is closed. */
  setText(uri: string, text: string | undefined): void {
    const at = this.of(uri);
    at?.project.setText(at.names.fileOf(uri), text);
    if (text === undefined) this.#documents.delete(uri);
    else this.#documents.set(uri, { at, text });
  }

  /** A file changed on disk, was made or removed. One that makes a workspace of its folder takes the open documents below along. */
  changedOnDisk(uri: string): void {
    for (const { project, names } of this.all) project.changedOnDisk(names.fileOf(uri));
    if (path.posix.basename(uri) !== CONFIG_FILE) return;
    for (const [document, { at, text }] of [...this.#documents]) {
      const now = this.#find(document);
      if (now === at) continue;
      at?.project.setText(at.names.fileOf(document), undefined);
      now?.project.setText(now.names.fileOf(document), text);
      this.#documents.set(document, { at: now, text });
    }
  }

  #find(uri: string): OpenWorkspace | undefined {
    const file = pathOf(uri);
    if (file === undefined) return undefined;
    // One that is being written is a workspace's already.
    const isConfig = path.basename(file) === CONFIG_FILE;
    for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
      if ((isConfig && folder === path.dirname(file)) || existsSync(path.join(folder, CONFIG_FILE)))
        return this.#at(folder);
      if (folder === path.dirname(folder)) return undefined;
    }
  }

  #at(root: string): OpenWorkspace {
    const known = this.#open.get(root);
    if (known !== undefined) return known;
    const opened = { names: fileNames(root), project: openProject(root, nodeWorkspaceFiles(root)) };
    this.#open.set(root, opened);
    return opened;
  }
}
