import { readFileSync } from 'node:fs';
import { type SandboxesConfig, serveSandboxes } from './serve.ts';

/**
 * Runs sandboxes in a process of their own: what they hold must outlive a runtime that is killed.
 *
 *     node --conditions=source packages/testkit/src/sandbox-main.ts sandboxes.json
 *     node --conditions=source packages/testkit/src/sandbox-main.ts crm=contracts/crm/openapi.yaml:4801 mail=smtp:4802
 *
 * Prints one JSON line, `{"served":[{"name","url","control"}]}`, when all of them listen, and ends on SIGTERM or SIGINT,
 * or when its parent closes its standard input (`--with-parent`).
 */
async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args.filter((arg) => arg !== '--with-parent');
  if (first === undefined) {
    process.stderr.write(
      'usage: sandbox-main [--with-parent] <sandboxes.json> | <name>=<document>[:port] … | <name>=smtp[:port] …\n',
    );
    return 2;
  }
  const config: SandboxesConfig = first.includes('=') ? fromArguments([first, ...rest]) : fromFile(first);
  const { served, close } = await serveSandboxes(config);
  process.stdout.write(`${JSON.stringify({ served })}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    if (args.includes('--with-parent')) process.stdin.resume().once('end', resolve).once('close', resolve);
  });
  await close();
  return 0;
}

/** Checked when the sandboxes start: each part is used there and refused with its own message. */
function fromFile(file: string): SandboxesConfig {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as Partial<SandboxesConfig>;
  return { root: parsed.root ?? '.', sandboxes: parsed.sandboxes ?? {} };
}

function fromArguments(args: readonly string[]): SandboxesConfig {
  const sandboxes = args.map((arg) => {
    const [, name = '', document = '', port] = /^([^=]+)=(.+?)(?::(\d+))?$/.exec(arg) ?? [];
    const listen = port === undefined ? {} : { port: Number(port) };
    return [
      name,
      document === 'smtp' ? { kind: 'smtp' as const, ...listen } : { contract: document, ...listen },
    ] as const;
  });
  return { root: '.', sandboxes: Object.fromEntries(sandboxes) };
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
