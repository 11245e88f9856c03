/** A small reader of DER: enough to find the parts of a certificate that node:crypto does not show. */

export interface DerValue {
  readonly tag: number;
  /** Tag, length and content, as they stand in the source. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

export const tags = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 } as const;

/** Reads the value at an offset. Throws RangeError on anything that is not DER. */
export function readDer(bytes: Buffer, offset = 0): DerValue {
  const tag = byteAt(bytes, offset);
  if ((tag & 0x1f) === 0x1f) throw new RangeError('tag numbers above 30 are not used in certificates');
  const first = byteAt(bytes, offset + 1);
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new RangeError(`length of ${count} bytes`);
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + byteAt(bytes, start + i);
    start += count;
  }
  if (start + length > bytes.length) throw new RangeError('value ends after its source');
  return { tag, raw: bytes.subarray(offset, start + length), content: bytes.subarray(start, start + length) };
}

/** The values inside a constructed value, in order. */
export function childrenOf(value: DerValue): DerValue[] {
  const children: DerValue[] = [];
  for (let offset = 0; offset < value.content.length; ) {
    const child = readDer(value.content, offset);
    children.push(child);
    offset += child.raw.length;
  }
  return children;
}

/** Dotted form of an object identifier. */
export function oidOf(value: DerValue): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
      else arcs.push(arc);
      arc = 0;
    }
  }
  return arcs.join('.');
}

function byteAt(bytes: Buffer, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) throw new RangeError('value ends after its source');
  return byte;
}
