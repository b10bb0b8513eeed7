import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { initCommand } from './commands/init.ts';
import { programOf, quoted, type Start } from './program.ts';
import { runCommand } from './testing/run-command.ts';

const start: Start = {
  execPath: '/usr/bin/node',
  execArgv: [],
  script: '/w/node_modules/tenon/bin/tenon.js',
  env: { PATH: '/usr/bin:/bin' },
  isFile: () => false,
};
const has = (path: string) => (asked: string) => asked === path;
const PNPM: Partial<Start> = {
  script: '/w/node_modules/.pnpm/tenon@0.1.0_ajv@8.17.1_undici@7.0.0/node_modules/tenon/bin/tenon.js',
  isFile: has('/w/node_modules/.bin/tenon'),
};

it.each<[string, Partial<Start>, string]>([
  ['installed for all', { isFile: has('/bin/tenon') }, 'tenon'],
  ['by npx', { env: { PATH: '/x', npm_command: 'exec' }, isFile: has('/x/tenon') }, 'npx tenon'],
  [
    'by pnpm',
    {
      env: { PATH: '/x', npm_command: 'exec', npm_config_user_agent: 'pnpm/12.0.0 node' },
      isFile: has('/x/pnpm'),
    },
    'pnpm tenon',
  ],
  [
    'by a pnpm that npx has fetched',
    {
      ...PNPM,
      env: {
        PATH: '/w/node_modules/.bin:/home/.npm/_npx/1/node_modules/.bin:/usr/bin',
        npm_command: 'run-script',
        npm_config_user_agent: 'pnpm/12.3.1 npm/? node',
      },
      isFile: has('/home/.npm/_npx/1/node_modules/.bin/pnpm'),
    },
    'npx --yes pnpm@12 tenon',
  ],
  [
    'by pnpm, as its own command',
    {
      ...PNPM,
      env: {
        PATH: '/w/node_modules/.bin:/usr/bin',
        npm_command: 'run-script',
        npm_config_user_agent: 'pnpm/12.0.0',
      },
      isFile: has('/usr/bin/pnpm'),
    },
    'pnpm tenon',
  ],
  ['by what pnpm has put into the workspace', PNPM, '/w/node_modules/.bin/tenon'],
  [
    'by pnpm, without being installed',
    {
      env: { PATH: '/x', npm_command: 'dlx', npm_config_user_agent: 'pnpm/12.0.0' },
      isFile: has('/x/pnpm'),
    },
    'pnpm dlx tenon',
  ],
  [
    'by a pnpm that npx has fetched, without being installed',
    { env: { PATH: '/x', npm_command: 'dlx', npm_config_user_agent: 'pnpm/12.0.0' } },
    'npx --yes pnpm@12 dlx tenon',
  ],
  [
    'by yarn 1',
    {
      script: '/w/node_modules/.bin/tenon',
      env: { PATH: '/x', npm_lifecycle_event: 'tenon', npm_config_user_agent: 'yarn/1.22.22 npm/?' },
    },
    'yarn tenon',
  ],
  [
    'by yarn 4',
    {
      script: '/c/tenon.zip/node_modules/tenon/bin/tenon.js',
      env: { PATH: '/x', npm_config_user_agent: 'yarn/4.18.1 npm/?' },
    },
    'yarn tenon',
  ],
  [
    'by yarn 4, without being installed',
    {
      script: '/d/xfs-07e8dd2b/dlx-13581/.yarn/cache/tenon.zip/node_modules/tenon/bin/tenon.js',
      env: {
        PATH: '/x',
        // As npx says of a yarn that it has fetched.
        npm_command: 'exec',
        npm_config_user_agent: 'yarn/4.18.1 npm/?',
        PROJECT_CWD: '/d/xfs-07e8dd2b/dlx-13581',
      },
    },
    'yarn dlx tenon',
  ],
  [
    'by yarn 4, in a project whose folder is called so',
    {
      env: { PATH: '/x', npm_config_user_agent: 'yarn/4.18.1 npm/?', PROJECT_CWD: '/w/dlx' },
    },
    'yarn tenon',
  ],
  [
    'by a script of a package of npm',
    {
      script: '/w/node_modules/.bin/tenon',
      env: { PATH: '/w/node_modules/.bin', npm_lifecycle_event: 'make', npm_config_user_agent: 'npm/11.0.0' },
    },
    'npx tenon',
  ],
  [
    'by a script of a package, whose PATH ends with it',
    {
      env: { PATH: '/w/node_modules/.bin:/usr/bin', npm_lifecycle_event: 'make' },
      isFile: has('/w/node_modules/.bin/tenon'),
    },
    'npx tenon',
  ],
  ['by its place in the workspace', { script: '/w/node_modules/.bin/tenon' }, '/w/node_modules/.bin/tenon'],
  ['by a path', {}, 'node /w/node_modules/tenon/bin/tenon.js'],
  [
    'by another Node, with options, from a folder with a space',
    { execPath: '/opt/node26/node', execArgv: ['--conditions=source'], script: '/my w/main.ts' },
    "/opt/node26/node --conditions=source '/my w/main.ts'",
  ],
])('is started again as it was: %s', (_how, given, program) => {
  expect(programOf({ ...start, ...given })).toBe(program);
});

it('quotes what a shell would take apart', () => {
  expect(quoted("it's here")).toBe("'it'\\''s here'");
});

it('is what `init` ends with, from where the shell is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-init-'));
  await mkdir(join(folder, 'in here'));
  const made = await runCommand([initCommand], ['init', 'shop'], { cwd: folder });
  expect(made.err).toContain('\nnext:\n  cd shop\n  tenon ci\n');
  const inside = await runCommand([initCommand], ['--in', 'in here', 'init'], { cwd: folder });
  expect(inside.err).toContain("\nnext:\n  cd 'in here'\n  tenon ci\n");
  const [cwd, beside] = [join(folder, 'in here'), `${folder}-beside`];
  const far = await runCommand([initCommand], ['init', beside], { cwd });
  const ways = [relative(cwd, beside), beside].toSorted((a, b) => a.length - b.length);
  expect(far.err, 'the shorter way').toContain(`\nnext:\n  cd ${ways[0]}\n  tenon ci\n`);
  // The new folder is no package in which they would find it.
  for (const program of [
    'yarn tenon',
    'yarn dlx tenon',
    'pnpm tenon',
    'npx tenon',
    'npx --yes pnpm@12 tenon',
  ]) {
    const way = `by ${program}`;
    const managed = await runCommand([initCommand], ['init', way], { cwd: folder, program });
    expect(managed.err).toContain(`\nnext:\n  ${program} --in '${way}' ci\n`);
  }
  await rm(beside, { recursive: true });
  await rm(folder, { recursive: true });
});
