import fastStringWidth from 'fast-string-width';

/** How many columns of a terminal a text takes: a Chinese character or an emoji two, an accent that joins another sign none. */
export function displayWidth(text: string): number {
  return ASCII.test(text) ? text.length : fastStringWidth(text);
}

const ASCII = /^[\x20-\x7e]*$/;

/** Its middle goes where it is wider than `most`: what tells one name from the next is at either end. No sign is cut in two. */
export function shortened(text: string, most: number): string {
  if (displayWidth(text) <= most) return text;
  const signs = [...segmenter.segment(text)].map(({ segment }) => segment);
  const ends = most - 1;
  const head = within(signs, Math.ceil(ends / 2));
  const tail = within(signs.toReversed(), Math.floor(ends / 2));
  return `${head.join('')}…${tail.toReversed().join('')}`;
}

/** As many signs as fit, from the first on. */
function within(signs: readonly string[], most: number): readonly string[] {
  let width = 0;
  const end = signs.findIndex((sign) => {
    width += displayWidth(sign);
    return width > most;
  });
  return end < 0 ? signs : signs.slice(0, end);
}

const segmenter = new Intl.Segmenter();
