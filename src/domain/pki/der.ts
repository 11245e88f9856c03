/** Reads DER with node-forge: the parts of a certificate that node:crypto does not show. Certificates of any key type; forge's own certificate parser knows RSA only. */

import forge from 'node-forge';

export interface DerValue {
  readonly tag: number;
  /** Tag, length and content, as they stand in the source: DER has one encoding of a value. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

export const tags = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 } as const;

/** Reads the value at an offset; what follows it is not looked at. Throws RangeError on anything that is not DER. */
export function readDer(bytes: Buffer, offset = 0): DerValue {
  const source = bytes.subarray(offset);
  const value = readNode(parse(source));
  // Indefinite or overlong lengths are BER: what was read must be what stands there, byte for byte.
  if (!source.subarray(0, value.raw.length).equals(value.raw)) throw new RangeError('the value is not DER');
  return value;
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
  return forge.asn1.derToOid(value.content.toString('latin1'));
}

function parse(bytes: Buffer): forge.asn1.Asn1 {
  try {
    // A bit string is bytes to us: forge would look for values inside of it.
    const options = { strict: true, parseAllBytes: false, decodeBitStrings: false };
    return forge.asn1.fromDer(forge.util.createBuffer(bytes.toString('latin1')), options as unknown as boolean);
  } catch (error) {
    throw new RangeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readNode(node: forge.asn1.Asn1): DerValue {
  const raw = Buffer.from(forge.asn1.toDer(node).getBytes(), 'latin1');
  const content = Array.isArray(node.value) ? Buffer.concat(node.value.map((child) => readNode(child).raw)) : Buffer.from(node.value, 'latin1');
  return { tag: node.tagClass | (node.constructed ? 0x20 : 0) | node.type, raw, content };
}
