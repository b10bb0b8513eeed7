import { createRequire } from 'node:module';
import { join } from 'node:path';
import { answering } from './answering.ts';

// `dbos-app.ts <folder of the SDK> <database URL>`: a workflow of three no-op steps, each recording 1 KiB, behind the
// same HTTP front as ours.
const [folder = '', systemDatabaseUrl = ''] = process.argv.slice(2);
const filler = 'x'.repeat(1_000);

/** What is used of the SDK; it is no dependency, so its own types are not at hand. */
interface Sdk {
  readonly DBOS: {
    setConfig(config: { name: string; systemDatabaseUrl: string; logLevel: string }): void;
    registerWorkflow(
      body: (input: { id: string }) => Promise<void>,
      config: { name: string },
    ): (input: { id: string }) => Promise<void>;
    runStep<T>(body: () => Promise<T>, config: { name: string }): Promise<T>;
    launch(): Promise<void>;
  };
}

const { DBOS }: Sdk = createRequire(join(folder, 'package.json'))('@dbos-inc/dbos-sdk');
const take = DBOS.registerWorkflow(
  async () => {
    for (const name of ['one', 'two', 'three'])
      await DBOS.runStep(async () => ({ id: 'i', filler }), { name });
  },
  { name: 'orders' },
);
DBOS.setConfig({ name: 'tenon-bench', systemDatabaseUrl, logLevel: 'error' });
await DBOS.launch();
console.log(`ready ${await answering((body) => take(JSON.parse(body)))}`);
