import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliDiagnostic } from '../cli-rules.ts';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import { isOfPackage, quoted } from '../program.ts';
import { generateInto } from '../workspace/generate.ts';
import { exists } from '../workspace/root.ts';
import { formatOption, isForPeople, openSession, printReport } from '../workspace/session.ts';

const templates = fileURLToPath(new URL('../../templates/init', import.meta.url));
/** Names that a package or a git checkout would lose or obey under their own name. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export const initCommand: CommandSpec = {
  name: 'init',
  summary: 'Make a workspace, with a small working example, in this folder or the one named',
  positionals: ['[dir]'],
  options: formatOption,
  run: async (args, io) => {
    const target = resolve(io.cwd, args.positionals[0] ?? '.');
    const files = (await readdir(templates, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const from = join(entry.parentPath, entry.name);
        const relative = from.slice(templates.length + 1);
        return { from, to: join(target, dirname(relative), renamed[entry.name] ?? entry.name) };
      });
    // A folder that has a README or a .gitignore keeps its own; any other file in the way stops before one is written.
    const taken: string[] = [];
    for (const { to } of files) if (await exists(to)) taken.push(to.slice(target.length + 1));
    const kept: ReadonlySet<string> = new Set(
      taken.filter((path) => path === 'README.md' || path === '.gitignore'),
    );
    const inTheWay = taken.filter((path) => !kept.has(path));
    if (inTheWay.length > 0) {
      const diagnostics = inTheWay.map((path) =>
        cliDiagnostic('workspace-file-exists', { message: `${path} exists already` }),
      );
      await printReport({ diagnostics, checked: { files: files.length } }, target, args, io);
      return exit.findings;
    }
    for (const { from, to } of files) {
      if (kept.has(to.slice(target.length + 1))) continue;
      await mkdir(dirname(to), { recursive: true });
      await copyFile(from, to);
    }
    const session = await openSession({ ...io, cwd: target });
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, target, args, io);
      return exit.failed;
    }
    const generated = await generateInto(session);
    const way = relative(io.startedIn ?? io.cwd, target);
    const program = io.program ?? 'tenon';
    const there = quoted(way.length < target.length ? way : target);
    // The new folder is no package, or one without Tenon: what runs it is found from where it was found now.
    const next =
      way === ''
        ? `${program} ci`
        : isOfPackage(program)
          ? `${program} --in ${there} ci`
          : `cd ${there}\n  ${program} ci`;
    io.err(
      `made a workspace in ${target}: ${files.length - kept.size} files, ${generated.written} generated\nnext:\n  ${next}\n`,
    );
    if (!isForPeople(args)) {
      const checked = { files: files.length - kept.size, generated: generated.written };
      await printReport({ diagnostics: [], checked }, target, args, io);
    }
    return exit.clean;
  },
};
