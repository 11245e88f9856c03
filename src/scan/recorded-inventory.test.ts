/** The inventory recorded from a real kubeadm cluster: complete, public, and as the table of profiles says. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileOf, type Inventory, nodesWith } from '../domain/cluster/inventory.js';
import { seemsIssuedBy } from '../domain/pki/certificate.js';
import { caProfiles, certificateProfiles, kubeconfigProfiles } from '../domain/pki/profiles.js';
import { differences } from './differences.js';

const text = readFileSync(new URL('../../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8');
const inventory = JSON.parse(text) as Inventory;

describe('fixtures/inventories/kubeadm-ha.json', () => {
  it('holds no key material and no place of the machine that recorded it', () => {
    expect(text).not.toMatch(/PRIVATE KEY|LS0tLS1|eyJ[A-Za-z0-9]|\/work\/|\/root\/|rotate-ca-lab/);
  });

  it('has three control planes and two workers, and differs in nothing from itself', () => {
    expect(nodesWith(inventory, 'control-plane').map(({ name }) => name)).toEqual(['cp1', 'cp2', 'cp3']);
    expect(nodesWith(inventory, 'worker').map(({ name }) => name)).toEqual(['w1', 'w2']);
    expect(differences(inventory, inventory)).toEqual([]);
  });

  it.each(nodesWith(inventory, 'control-plane').flatMap((node) => certificateProfiles.map((profile) => [`${node.name} ${profile.name}`, node, profile] as const)))(
    '%s is as its profile says',
    (_, node, profile) => {
      const leaf = fileOf(node, profile.certificatePath)?.certificates[0];
      const ca = fileOf(node, caProfiles.find(({ signer }) => signer === profile.signer)?.certificatePath ?? '')?.certificates[0];
      const subject = [...profile.organizations.map((o) => `O=${o}`), `CN=${profile.commonName ?? node.name}`].join(', ');
      expect(leaf).toMatchObject({ subject, usages: profile.usages, isCa: false });
      expect((leaf?.sans.length ?? 0) > 0).toBe(profile.sans === 'same');
      expect(leaf !== undefined && ca !== undefined && seemsIssuedBy(leaf, ca)).toBe(true);
      expect(fileOf(node, profile.keyPath)?.keySpki).toBe(leaf?.spki);
    },
  );

  it.each(nodesWith(inventory, 'control-plane').flatMap((node) => kubeconfigProfiles.map((profile) => [`${node.name} ${profile.path}`, node, profile] as const)))(
    '%s is as its profile says',
    (_, node, profile) => {
      const file = fileOf(node, profile.path);
      if (profile.path.endsWith('super-admin.conf') && node.name !== 'cp1') return expect(file).toBeUndefined();
      expect(file?.client?.subject).toBe([...profile.organizations.map((o) => `O=${o}`), `CN=${profile.commonName}`].join(', '));
      expect(file?.certificates).toEqual(fileOf(node, '/etc/kubernetes/pki/ca.crt')?.certificates);
    },
  );
});
