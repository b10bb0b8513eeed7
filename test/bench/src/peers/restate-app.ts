import { join } from 'node:path';

// `restate-app.ts <folder of the SDK> <port>`: three no-op steps, each journaling 1 KiB.
const [folder = '', port = '0'] = process.argv.slice(2);
const filler = 'x'.repeat(1_000);

/** What is used of the SDK; it is no dependency, so its own types are not at hand. */
interface Sdk {
  service(definition: {
    name: string;
    handlers: Record<string, (context: Context, input: { id: string }) => Promise<object>>;
  }): object;
  serve(options: { services: readonly object[]; port: number }): Promise<number>;
}
interface Context {
  run<T>(name: string, body: () => Promise<T>): Promise<T>;
}

const sdk: Sdk = await import(join(folder, 'node_modules/@restatedev/restate-sdk/dist/index.js'));
const orders = sdk.service({
  name: 'orders',
  handlers: {
    take: async (context, input) => {
      for (const name of ['one', 'two', 'three']) await context.run(name, async () => ({ id: 'i', filler }));
      return { id: input.id };
    },
  },
});
const bound = await sdk.serve({ services: [orders], port: Number(port) });
console.log(`ready http://127.0.0.1:${bound}`);
