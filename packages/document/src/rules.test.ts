import { describe, expect, it } from 'vitest';
import { parseDocument } from './document.ts';
import { type DocumentCase, documentCases } from './rules.cases.ts';

function places(code: string, { file, text }: DocumentCase): string[] {
  return parseDocument(file, text)
    .diagnostics.filter((diagnostic) => diagnostic.code === code)
    .map(({ range }) => `${range?.start.line}:${range?.start.column}`);
}

describe('each rule of document', () => {
  for (const [code, { fires, silent }] of Object.entries(documentCases)) {
    it(`${code} fires at its place`, () => expect(places(code, fires)).toEqual([fires.at]));
    it(`${code} stays silent, with no other error, near by`, () => {
      expect(parseDocument(silent.file, silent.text).diagnostics).toEqual([]);
    });
  }
});
