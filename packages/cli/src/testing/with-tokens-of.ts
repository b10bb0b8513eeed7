import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The workspace of `tenon init` with a vendor whose tokens come from a host of its own. */
export async function withTokensOf(host: string, folder: string): Promise<void> {
  const edits: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    'contracts/shop/openapi.yaml': [
      [
        'key: { type: http, scheme: bearer }',
        `key: { type: oauth2, flows: { clientCredentials: { tokenUrl: 'http://${host}/token', scopes: {} } } }`,
      ],
    ],
    'connectors/shop/connector.yaml': [
      [
        '- { id: key, type: bearer }',
        `- { id: key, type: oauth2, flow: clientCredentials, tokenUrl: 'http://${host}/token' }\negress: ['${host}']`,
      ],
    ],
    'tenon.config.yaml': [
      ['key: { token: env:SHOP_KEY }', 'key: { clientId: env:SHOP_ID, clientSecret: env:SHOP_KEY }'],
    ],
  };
  for (const [file, changes] of Object.entries(edits)) {
    const path = join(folder, file);
    let text = await readFile(path, 'utf8');
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
      text = text.replace(from, to);
    }
    await writeFile(path, text);
  }
}
