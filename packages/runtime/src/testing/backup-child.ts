import { backupTo } from '../embedded/file/backup.ts';

// A process that copies a database, and gets a signal once the copy has begun: it stands still in the midst of it, or is gone.
const [from = '', to = '', signal = ''] = process.argv.slice(2);
const copying = backupTo(from, to);
process.kill(process.pid, signal);
await copying;
