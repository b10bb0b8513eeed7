import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workspaces } from './workspaces.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tenon-workspaces-'));
  for (const folder of ['apps/a/pipelines', 'apps/b/pipelines', 'apps/c/pipelines', 'docs'])
    mkdirSync(path.join(root, folder), { recursive: true });
  for (const file of ['apps/a/tenon.config.yaml', 'apps/b/tenon.config.yaml'])
    writeFileSync(path.join(root, file), 'apiVersion: tenon/v1\n');
});
afterEach(() => rmSync(root, { recursive: true }));

const uri = (file: string): string => pathToFileURL(path.join(root, file)).href;
const rootOf = (workspaces: Workspaces, file: string): string | undefined => {
  const found = workspaces.of(uri(file))?.names.root;
  return found && path.relative(root, found);
};

describe('the workspace of a file', () => {
  it('is the nearest above it, below what the editor has opened', () => {
    const workspaces = new Workspaces();
    workspaces.begin([uri('')]);
    expect(workspaces.all).toEqual([]);
    expect(rootOf(workspaces, 'apps/a/pipelines/x.pipeline.yaml')).toBe('apps/a');
    expect(rootOf(workspaces, 'apps/b/pipelines/x.pipeline.yaml')).toBe('apps/b');
    expect(rootOf(workspaces, 'apps/a/contracts/shop/contract.yaml')).toBe('apps/a');
    expect(workspaces.all).toHaveLength(2);
  });

  it('may lie above what the editor has opened', () => {
    const workspaces = new Workspaces();
    workspaces.begin([uri('apps/a/pipelines')]);
    expect(rootOf(workspaces, 'apps/a/pipelines/x.pipeline.yaml')).toBe('apps/a');
  });

  it('is open from the start where the editor opens it', () => {
    const workspaces = new Workspaces();
    workspaces.begin([uri('apps/a'), uri('apps/b'), uri('docs'), 'untitled:x']);
    expect(workspaces.all.map(({ names }) => path.relative(root, names.root))).toEqual(['apps/a', 'apps/b']);
  });

  it('is none where no folder above is one, and of what is no file', () => {
    const workspaces = new Workspaces();
    expect(rootOf(workspaces, 'docs/x.pipeline.yaml')).toBeUndefined();
    expect(workspaces.of('untitled:x')).toBeUndefined();
  });

  it('is its own folder for a configuration that is not saved yet', () => {
    expect(rootOf(new Workspaces(), 'docs/tenon.config.yaml')).toBe('docs');
  });
});

it('an open document goes to the workspace that is made around it, and back', async () => {
  const workspaces = new Workspaces();
  const file = 'apps/c/pipelines/x.pipeline.yaml';
  workspaces.setText(uri(file), 'kind: Pipelin\n');
  expect(rootOf(workspaces, file)).toBeUndefined();
  const config = 'apps/c/tenon.config.yaml';
  writeFileSync(path.join(root, config), 'apiVersion: tenon/v1\n');
  workspaces.changedOnDisk(uri(config));
  expect(rootOf(workspaces, file)).toBe('apps/c');
  const [here] = workspaces.all;
  const found = async () => (await here!.project.snapshot()).diagnostics.get('pipelines/x.pipeline.yaml');
  expect(await found()).not.toBeUndefined();
  rmSync(path.join(root, config));
  workspaces.changedOnDisk(uri(config));
  expect(rootOf(workspaces, file)).toBeUndefined();
  expect(await found(), 'it was never saved').toBeUndefined();
});
