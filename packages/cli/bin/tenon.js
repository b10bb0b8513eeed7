#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence instead of a syntax error.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  console.error(`tenon needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}`);
  process.exit(1);
}
// In a clone the program is its source: nothing is built there, or what was built is older. A package has none.
const source = fileURLToPath(new URL('../src/main.ts', import.meta.url));
if (!existsSync(source)) await import('../dist/main.js');
else if (process.execve === undefined) {
  console.error(
    `this Node cannot start a clone's source in its place: run \`node --conditions=source ${source}\``,
  );
  process.exit(1);
} else {
  const { execPath, execArgv, argv } = process;
  // The same process, so that a supervisor's signal arrives.
  process.execve(execPath, [execPath, ...execArgv, '--conditions=source', source, ...argv.slice(2)]);
}
