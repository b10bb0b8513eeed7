/** Encodings on top of one another: more than anybody means, and each may make the next as large as the cap allows. */
const LAYERS_MAX = 4;

/** The encodings of a body, last applied first; `undefined` where they are more than are taken off. */
export function encodingLayers(contentEncoding: string | undefined): readonly string[] | undefined {
  const layers = (contentEncoding ?? '')
    .split(',')
    .map((layer) => layer.trim().toLowerCase())
    .filter((layer) => layer !== '' && layer !== 'identity');
  return layers.length > LAYERS_MAX ? undefined : layers.reverse();
}
