import { type Document, isMap, isNode, isPair, isScalar } from 'yaml';

/** Puts a sentence above a member of a document, broken into lines. */
export function commentAbove(document: Document, path: readonly string[], sentence: string): void {
  const map = document.getIn(path.slice(0, -1), true);
  const pair = isMap(map)
    ? map.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === path.at(-1))
    : undefined;
  if (!isNode(pair?.key)) return;
  pair.key.commentBefore = lines(`${sentence[0]!.toUpperCase()}${sentence.slice(1)}.`);
}

function lines(text: string): string {
  const broken = text.match(new RegExp(`.{1,${WIDTH_MAX}}(?: |$)`, 'g')) ?? [text];
  return broken.map((line) => ` ${line.trimEnd()}`).join('\n');
}

const WIDTH_MAX = 104;
