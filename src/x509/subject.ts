/** Subjects and alternative names of what is made here. */

import { isIP } from 'node:net';
import { x509 } from './crypto.js';

export interface Subject {
  readonly commonName: string;
  /** Organizations: groups, for Kubernetes. */
  readonly organizations?: readonly string[];
  /** Attribute serialNumber, which gives each generation of a CA its own name. */
  readonly serialNumber?: string;
}

/** The Name as Go and kubeadm build it: all organizations in one set, then CN, then serialNumber. */
export function nameOf(subject: Subject): x509.Name {
  const organizations = subject.organizations ?? [];
  return new x509.Name([
    ...(organizations.length > 0 ? [{ O: organizations.map(attribute) }] : []),
    { CN: [attribute(subject.commonName)] },
    ...(subject.serialNumber === undefined ? [] : [{ '2.5.4.5': [attribute(subject.serialNumber)] }]),
  ]);
}

/** PrintableString where it can be, as in Go. Said outright because the library reads a bare text that begins with "#" as hexadecimal. */
function attribute(value: string): { printableString: string } | { utf8String: string } {
  return /^[A-Za-z0-9 '()+,\-./:=?]+$/.test(value) ? { printableString: value } : { utf8String: value };
}

/** SubjectAltName of `DNS:name`, `IP:address`, `URI:...`, `email:...` (as in inventories), or bare names and addresses. */
export function alternativeNames(sans: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(sans.map(generalName), false);
}

function generalName(san: string): x509.JsonGeneralName {
  const [, kind, value] = /^(DNS|IP|URI|email):(.*)$/s.exec(san) ?? [];
  if (kind === undefined || value === undefined) return { type: isIP(san) === 0 ? 'dns' : 'ip', value: san };
  if (kind === 'IP') return { type: 'ip', value };
  if (kind === 'URI') return { type: 'url', value };
  return { type: kind === 'email' ? 'email' : 'dns', value };
}
