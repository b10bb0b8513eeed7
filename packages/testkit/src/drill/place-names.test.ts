import { expect, it } from 'vitest';
import { PlaceNames } from './place-names.ts';

it('names items of lists by the order in which they come up, whatever their digests are', () => {
  const [one, other] = [new PlaceNames(), new PlaceNames()];
  const places = (names: PlaceNames, a: string, b: string) =>
    [`lines[#${a}].book`, `lines[#${b}].book`, `compensate:lines[#${a}].book`, 'pay'].map((place) =>
      names.of(place),
    );
  expect(places(one, 'affc672eaed3', '0123456789ab')).toEqual(places(other, '99aa', '77bb'));
  expect(places(one, 'affc672eaed3', '0123456789ab')).toEqual([
    'lines[#1].book',
    'lines[#2].book',
    'compensate:lines[#1].book',
    'pay',
  ]);
});
