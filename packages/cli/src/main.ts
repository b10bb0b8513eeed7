#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Node keeps what it made of each module, by the module's text and its own version; half of a short command's time is
// that work. It has to be asked before the first module is loaded, so nothing else is imported above. In the user's own
// folder: whoever could write there could change this program too, which is not so of a shared temporary folder.
enableCompileCache(
  process.env['NODE_COMPILE_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tenon', 'compiled'),
);
// A server lives long and makes much that is soon forgotten. Before anything else is loaded: it may begin anew.
if (process.argv[2] === 'serve') {
  const { withLargerYoungGeneration } = await import('@tenon/runtime/process');
  withLargerYoungGeneration(process.env['NODE_OPTIONS'] ?? '');
}
await import('./process.ts');
