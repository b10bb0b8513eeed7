import { sha256 } from '@tenon/model';

/**
 * Ajv numbers what it declares in the order in which it comes to it, so a validator more renames most of a file, and two branches
 * that each add one conflict all over it. A validator is named after what it validates, and a constant after its content.
 * `validators`: names of functions as they are, with what each validates.
 */
export function withStableNames(code: string, validators: ReadonlyMap<string, string>): string {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  const give = (name: string, wanted: string): void => {
    let free = wanted;
    for (let attempt = 2; taken.has(free); attempt++) free = `${wanted}_${attempt}`;
    taken.add(free);
    names.set(name, free);
  };
  for (const [name, of] of validators) give(name, `validate_${of.replaceAll(/[^A-Za-z0-9]+/g, '_')}`);
  const renamed = (text: string): string => text.replaceAll(TOKEN, (token) => names.get(token) ?? token);
  for (const [, name, value] of code.matchAll(
    /^const ((?:schema|func|formats|pattern|wrapper)\d+) = (.*)$/gm,
  )) {
    const digest = sha256(renamed(value!)).slice('sha256:'.length);
    give(name!, `${name!.replace(/\d+$/, '')}_${digest.slice(0, DIGITS)}`);
  }
  return renamed(code);
}

/** Of a digest: enough to tell a few hundred constants apart. */
const DIGITS = 8;

/** A text, or a name that is no member of anything. */
const TOKEN = /"(?:[^"\\]|\\.)*"|(?<![.\w$])[A-Za-z_$][\w$]*/g;
