import { secretLooking } from '@tenon/connector';
import { textRange } from '@tenon/document';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';

/** Words of a text: runs without white space and without the marks that end a value in YAML and JSON. */
const WORD =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|(?:Bearer|Basic) +[^\s"'`,;{}[\]()<>]+|[^\s"'`,;{}[\]()<>]+/g;

/** Texts that look like secrets written out, anywhere in a file: keys, comments and broken YAML included (C93). */
export function secretDiagnostics(file: string, text: string): Diagnostic[] {
  if (isClean(text)) return [];
  const found: Diagnostic[] = [];
  for (const match of text.matchAll(WORD)) {
    const what = secretLooking(match[0]);
    if (what === undefined) continue;
    const range = textRange(text, match.index, match.index + match[0].length);
    found.push(
      diagnostic('secret-literal', {
        message: `this looks like ${what}, written out`,
        at: { file, range },
        // Neither the message nor the fingerprint may hold the secret or a digest of it.
        subject: `${what} ${found.length}`,
      }),
    );
  }
  return found;
}

/** The parts of the text scanned last, where it was clean: an author changes one of them at a time. */
let cleanParts: ReadonlySet<string> = new Set();
/** Begins an item of a list, so almost always a step. What looks like a secret has no line break in it. */
const ITEM = '\n  - ';

function isClean(text: string): boolean {
  const parts = new Set<string>();
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf(ITEM, start + 1);
    const end = next < 0 ? text.length : next;
    const part = text.slice(start, end);
    if (!cleanParts.has(part) && holdsSecret(part)) return false;
    parts.add(part);
    start = end;
  }
  cleanParts = parts;
  return true;
}

function holdsSecret(part: string): boolean {
  for (const [word] of part.matchAll(WORD)) if (secretLooking(word) !== undefined) return true;
  return false;
}
