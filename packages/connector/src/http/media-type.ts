/** RFC 9110 §8.3.1, with parameters of visible text: nothing that ends a line. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;[\x20-\x7e]*)?$/;

/** Is it a media type that may stand in a header, and one that the declared one, or range of them, takes? */
export function fitsMedia(declared: string, given: string): boolean {
  return MEDIA_TYPE.test(given) && mediaMatches(declared, given);
}

/** Does a declared media type, or range, take the actual one? Parameters do not matter. */
export function mediaMatches(declared: string | undefined, actual: string | undefined): boolean {
  if (declared === undefined || actual === undefined) return false;
  const essence = actual.split(';')[0]!.trim().toLowerCase();
  const wanted = declared.split(';')[0]!.trim().toLowerCase();
  return (
    wanted === essence ||
    wanted === '*/*' ||
    (wanted.endsWith('/*') && essence.startsWith(wanted.slice(0, -1)))
  );
}
