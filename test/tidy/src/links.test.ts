import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRepoFile, repoFiles, root } from './repo.ts';

const sources = repoFiles().filter((file) => file.endsWith('.ts'));
const pages = repoFiles().filter((file) => file.endsWith('.md') && existsSync(join(root, file)));

describe('links between pages', () => {
  it('every relative link leads to a file, and its fragment to a heading', () => {
    expect(pages.flatMap((page) => brokenLinks(page, readRepoFile(page)))).toEqual([]);
  });

  it('a link that is called as code is leads to a file that declares it', () => {
    expect(pages.flatMap((page) => undeclared(page, readRepoFile(page)))).toEqual([]);
    const text = '[`brokenLinks`](links.test.ts) [`nobody`](links.test.ts) [`src`](../src)\n';
    expect(undeclared('test/tidy/src/page.md', text)).toEqual([
      'test/tidy/src/page.md: links.test.ts declares no `nobody`',
    ]);
  });

  it('a page of a package names source files that are there', () => {
    const ofPackages = pages.filter((page) => /^packages\/[^/]+\/[A-Z]+\.md$/.test(page));
    expect(ofPackages.length).toBeGreaterThan(10);
    expect(ofPackages.flatMap((page) => missingSources(page, readRepoFile(page)))).toEqual([]);
    expect(
      missingSources('packages/model/DESIGN.md', '`ports.ts`, `src/ports.ts`, `nowhere.ts`, `x.{a,b}.ts`'),
    ).toEqual(['packages/model/DESIGN.md: there is no nowhere.ts']);
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

/** Links to source files whose text is the name of something that is not declared there. */
function undeclared(page: string, text: string): string[] {
  return [...text.matchAll(/\[`(\w+)`\]\(([^)\s]+\.tsx?)\)/g)].flatMap(([, name = '', link = '']) => {
    const target = posix.join(posix.dirname(page), link);
    // One that is not there is told as a broken link; a part of its path is no name of what is in it.
    if (!existsSync(join(root, target)) || link.split('/').includes(name)) return [];
    const declaration = new RegExp(`\\b(?:class|const|function\\*?|interface|type) ${name}\\b`);
    return declaration.test(readRepoFile(target)) ? [] : [`${page}: ${link} declares no \`${name}\``];
  });
}

/** Names of source files, in code, that no file of the repository has. */
function missingSources(page: string, text: string): string[] {
  return [...text.matchAll(/`([\w./-]+\.ts)`/g)].flatMap(([, name = '']) =>
    sources.some((file) => file === name || file.endsWith(`/${name}`))
      ? []
      : [`${page}: there is no ${name}`],
  );
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
