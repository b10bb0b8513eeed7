export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface ListingPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; absent: this is the last. */
  readonly next?: string;
}

/**
 * One page of `ListObjectsV2`, asked for with `encoding-type=url` so that keys hold nothing of XML. A store's answers have one
 * form, so its few elements are looked for by name; `undefined` where they are not there.
 */
export function readListing(xml: string): ListingPage | undefined {
  if (!/<ListBucketResult[\s>]/.test(xml)) return undefined;
  const objects: ListedObject[] = [];
  for (const entry of entriesOf(xml)) {
    const [key, etag, modified] = [text(entry, 'Key'), text(entry, 'ETag'), text(entry, 'LastModified')];
    const modifiedMs = Date.parse(modified ?? '');
    if (key === undefined || etag === undefined || Number.isNaN(modifiedMs)) return undefined;
    objects.push({ key: decodeURIComponent(key.replaceAll('+', ' ')), etag, modifiedMs });
  }
  const next = text(xml, 'NextContinuationToken');
  return { objects, ...(text(xml, 'IsTruncated') === 'true' && next !== undefined && { next }) };
}

/** Looked for by hand: an expression over the whole text takes the square of it where elements are opened and none is closed. */
function* entriesOf(xml: string): Generator<string> {
  for (let end = 0; ; ) {
    const start = xml.indexOf('<Contents>', end);
    if (start < 0) return;
    end = xml.indexOf('</Contents>', start);
    if (end < 0) return;
    yield xml.slice(start + '<Contents>'.length, end);
  }
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&' };

function text(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found?.replace(/&(?:#(\d+)|(quot|apos|lt|gt|amp));/g, (_whole, code?: string, entity?: string) =>
    code === undefined ? ENTITIES[entity!]! : String.fromCodePoint(Number(code)),
  );
}
