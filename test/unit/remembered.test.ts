import { describe, expect, it } from 'vitest';
import { Remembered } from '../../src/worker/remembered.ts';

describe('what is remembered', () => {
  it('is its owner’s, and the latest of it', () => {
    const remembered = new Remembered<object, number>(2);
    const [one, other] = [{}, {}];
    remembered.set(other, 'a', 9);
    for (const [index, text] of ['a', 'b', 'c'].entries()) remembered.set(one, text, index);
    expect(['a', 'b', 'c'].map((text) => remembered.get(one, text))).toEqual([undefined, 1, 2]);
    expect(['a', 'b'].map((text) => remembered.get(other, text))).toEqual([9, undefined]);
    expect(remembered.get({}, 'a')).toBeUndefined();
  });
});
