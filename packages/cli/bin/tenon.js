#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence instead of a syntax error.
const NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  console.error(`tenon needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}`);
  process.exit(1);
}
await import('../dist/main.js');
