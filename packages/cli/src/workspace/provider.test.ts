import { expect, it } from 'vitest';
import { unreachable } from './provider.ts';

it('a header that cannot be sent is named, and what it holds is not said', async () => {
  const url = 'http://127.0.0.1:1';
  const said = await unreachable({ url, headers: { accept: '*/*', authorization: 'Bearer cnry-1\ncnry-2' } });
  expect(said).toMatch(/^the header authorization holds a line break/);
  expect(said).not.toContain('cnry');
  expect(await unreachable({ url, headers: { authorization: 'Bearer cnry-1' } })).toMatch(/^(?!.*cnry)./);
});
