import { describe, expect, it } from 'vitest';
import { textFrames } from './application-client.js';

const frame = (text: string, opcode = 1): Buffer => Buffer.concat([Buffer.from([0x80 | opcode, text.length]), Buffer.from(text)]);

describe('frames of a websocket', () => {
  it('are taken whole, and the rest is left', () => {
    const bytes = Buffer.concat([frame('shop 1'), frame('shop 2'), frame('shop 3').subarray(0, 4)]);
    const { texts, left } = textFrames(bytes);
    expect(texts).toEqual(['shop 1', 'shop 2']);
    expect(textFrames(Buffer.concat([left, frame('shop 3').subarray(4)])).texts).toEqual(['shop 3']);
  });

  it('count only if they are text', () => {
    expect(textFrames(Buffer.concat([frame('', 9), frame('shop 1')]))).toEqual({ texts: ['shop 1'], left: Buffer.alloc(0) });
  });
});
