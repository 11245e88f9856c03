import { describe, expect, it } from 'vitest';
import { parseFailure } from './raw-log.js';

describe('a line of the raw log', () => {
  it('is a failure only when it says so', () => {
    const failed = '{"t":5,"class":"a","target":"lb","kind":"fresh","ok":false,"ms":1000,"stage":"dial","error":"refused"}';
    expect(parseFailure(failed)).toMatchObject({ t: 5, stage: 'dial', error: 'refused' });
    expect(parseFailure('{"t":5,"class":"a","target":"lb","kind":"fresh","ok":true,"ms":2.5}')).toBeUndefined();
    expect(parseFailure('{"t":5,"event":"class.added","text":"a"}')).toBeUndefined();
  });
});
