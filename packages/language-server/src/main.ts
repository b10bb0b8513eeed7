#!/usr/bin/env node
import { startLanguageServer } from './server.ts';

await startLanguageServer(process.stdin, process.stdout);
