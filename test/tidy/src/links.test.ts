import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRepoFile, repoFiles, root } from './repo.ts';

const pages = repoFiles().filter((file) => file.endsWith('.md') && existsSync(join(root, file)));

describe('links between pages', () => {
  it('every relative link leads to a file, and its fragment to a heading', () => {
    expect(pages.flatMap((page) => brokenLinks(page, readRepoFile(page)))).toEqual([]);
  });

  it('a missing file and a missing heading are found; code and other sites are left alone', () => {
    const text =
      'a [x](nowhere.md) [y](README.md#no-such) [z](README.md#the-promise) [w](https://a.example/b)\n';
    expect(brokenLinks('README.md', `${text}\`[c](nowhere.md)\`\n\`\`\`\n[d](nowhere.md)\n\`\`\`\n`)).toEqual(
      ['README.md: nowhere.md is not there', 'README.md: README.md#no-such is no heading of README.md'],
    );
  });
});

function brokenLinks(page: string, text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const broken: string[] = [];
  for (const [, link = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue;
    const [path = '', heading] = link.split('#');
    const target = path === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(path));
    if (!existsSync(join(root, target))) broken.push(`${page}: ${link} is not there`);
    else if (heading !== undefined && target.endsWith('.md') && !headingsOf(target).has(heading))
      broken.push(`${page}: ${link} is no heading of ${target}`);
  }
  return broken;
}

/** The anchors that a forge gives the headings of a page: lower case, dashes for spaces, no punctuation. */
function headingsOf(page: string): Set<string> {
  const headings = readRepoFile(page).matchAll(/^#{1,6}\s+(.+)$/gm);
  return new Set(
    [...headings].map(([, text = '']) =>
      text
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
