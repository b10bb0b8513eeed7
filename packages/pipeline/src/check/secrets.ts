import { secretLooking } from '@tenon/connector';
import { textRange } from '@tenon/document';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';

/** Words of a text: runs without white space and without the marks that end a value in YAML and JSON. */
const WORD =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|(?:Bearer|Basic) +[^\s"'`,;{}[\]()<>]+|[^\s"'`,;{}[\]()<>]+/g;

/** Texts that look like secrets written out, anywhere in a file: keys, comments and broken YAML included (C93). */
export function secretDiagnostics(file: string, text: string): Diagnostic[] {
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
