import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import type { Io } from '../io.ts';
import { type RunningTenon, startTenon } from '../serve/compose.ts';
import { loadConnectorCode } from '../serve/connector-code.ts';
import { openSession } from '../workspace/session.ts';

/** A workspace on disk that is served, over a vendor of one's own, with all that was said while it was. */
export interface ServedWorkspace {
  readonly tenon: RunningTenon;
  /** What commands printed, entries, and lines of the log. */
  readonly said: string[];
  readonly io: Io;
}

export async function withServedWorkspace(
  files: Readonly<Record<string, string>>,
  vendor: RequestListener,
  /** Given where the vendor is. */
  env: (vendorUrl: string) => Readonly<Record<string, string>>,
  body: (served: ServedWorkspace) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'tenon-served-'));
  const server = createServer(vendor);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It listens on TCP.
  const { port } = server.address() as AddressInfo;
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const said: string[] = [];
  const io: Io = {
    out: (text) => said.push(text),
    err: (text) => said.push(text),
    cwd: root,
    env: env(`http://127.0.0.1:${port}`),
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
  const session = await openSession(io);
  if (!('workspace' in session)) throw new Error(JSON.stringify(session.diagnostics));
  const errors = session.diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  const tenon = await startTenon({
    ...session,
    code: await loadConnectorCode(session),
    io,
    port: 0,
    onEntry: (entry) => said.push(JSON.stringify(entry)),
    log: (line) => said.push(JSON.stringify(line)),
  });
  try {
    await body({ tenon, said, io });
  } finally {
    await tenon.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  }
}
