/** Vault as the issuer meets it: logins, refusals, roots and what they sign. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { makeKeyPair } from '../../../src/x509/key-pair.js';
import { makeRequest } from '../../../src/x509/request.js';
import type { Behaviour, Observed, Undo } from '../behaviour.js';
import { uniqueName } from '../scratch.js';
import type { VaultAnswer, World } from '../world.js';

interface Root {
  readonly issuerId: string;
  readonly keyId: string;
  readonly certificate: X509Certificate;
  readonly keyPem: string;
}

/** "400 invalid role or secret ID" */
function words({ status, body }: VaultAnswer): string {
  return `${status} ${((body.errors as string[] | undefined) ?? []).join('; ').replaceAll(/\s+/g, ' ').trim()}`.trim();
}

function dataIn(answer: VaultAnswer): Record<string, unknown> {
  return (answer.body.data ?? {}) as Record<string, unknown>;
}

async function logIn(world: World): Promise<{ token: string; auth: Record<string, unknown> }> {
  const { roleId, secretId } = world.vault;
  const answer = await world.vault.call('POST', 'auth/approle/login', { body: { role_id: roleId, secret_id: secretId } });
  const auth = (answer.body.auth ?? {}) as Record<string, unknown>;
  if (answer.status !== 200) throw new Error(words(answer));
  return { token: String(auth.client_token), auth };
}

/** A root of one's own, gone with its key when the behaviour is over. */
async function makeRoot(world: World, undo: Undo, token: string, wish: { readonly name: string; readonly ttl?: string; readonly keyType?: string }): Promise<Root> {
  const { mount } = world.vault;
  const body = {
    issuer_name: wish.name,
    key_name: wish.name,
    common_name: 'fidelity',
    serial_number: wish.name,
    key_type: wish.keyType ?? 'ec',
    key_bits: wish.keyType === 'rsa' ? 2048 : 256,
    ttl: wish.ttl ?? '24h',
    not_before_duration: '3600s',
    exclude_cn_from_sans: true,
    format: 'pem',
  };
  const answer = await world.vault.call('POST', `${mount}/issuers/generate/root/exported`, { token, body });
  if (answer.status !== 200) throw new Error(words(answer));
  const data = dataIn(answer);
  const root = { issuerId: String(data.issuer_id), keyId: String(data.key_id), certificate: new X509Certificate(String(data.certificate)), keyPem: String(data.private_key) };
  undo.add('the root is removed', async () => {
    await world.vault.call('DELETE', `${mount}/issuer/${root.issuerId}`, { token });
    await world.vault.call('DELETE', `${mount}/key/${root.keyId}`, { token });
  });
  return root;
}

async function request(sans: readonly string[] = []): Promise<string> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  return makeRequest({ privateKeyPem, subject: { commonName: 'system:node:fidelity', organizations: ['system:nodes'] }, sans });
}

function sign(world: World, token: string, root: Root, wish: { readonly csr: string; readonly ttl?: string; readonly role?: string }): Promise<VaultAnswer> {
  const body = { csr: wish.csr, ttl: wish.ttl ?? '1h', key_usage: ['DigitalSignature'], ext_key_usage: ['ClientAuth'], format: 'pem' };
  return world.vault.call('POST', `${world.vault.mount}/issuer/${root.issuerId}/sign-verbatim${wish.role === undefined ? '' : `/${wish.role}`}`, { token, body });
}

export const vault: readonly Behaviour[] = [
  {
    id: 'vault-approle-login',
    rule: 'adapters/vault/session',
    title: 'An AppRole login gives a renewable token for an hour; a wrong secret id, and a wrong role id, are told in the same words',
    area: 'Vault',
    disturbs: 'nothing',
    expected: {
      seconds: 3600,
      renewable: true,
      type: 'service',
      policies: ['rotate-ca'],
      wrongSecret: '400 invalid role or secret ID',
      wrongRole: '400 invalid role or secret ID',
      noSecret: '400 missing secret_id',
      form: true,
    },
    async run(world) {
      const { token, auth } = await logIn(world);
      const { roleId, secretId } = world.vault;
      const login = (body: Observed): Promise<VaultAnswer> => world.vault.call('POST', 'auth/approle/login', { body });
      return {
        seconds: auth.lease_duration as number,
        renewable: auth.renewable as boolean,
        type: String(auth.token_type),
        policies: auth.token_policies as string[],
        wrongSecret: words(await login({ role_id: roleId, secret_id: '00000000-0000-0000-0000-000000000000' })),
        wrongRole: words(await login({ role_id: '00000000-0000-0000-0000-000000000000', secret_id: secretId })),
        noSecret: words(await login({ role_id: roleId })),
        form: /^hvs\.[A-Za-z0-9_-]{20,}$/.test(token),
      };
    },
  },
  {
    id: 'vault-refusals',
    rule: 'adapters/vault/refusal',
    title: 'Without a grant, without a token, with a wrong token, and on a path that no engine has',
    area: 'Vault',
    disturbs: 'nothing',
    expected: {
      noGrant: '403 1 error occurred: * permission denied',
      noToken: '403 permission denied',
      wrongToken: '403 2 errors occurred: * permission denied * invalid token',
      unknownIssuer: '500 1 error occurred: * unable to find PKI issuer for reference: nobody',
      capabilities: ['deny'],
      granted: ['create', 'update'],
    },
    async run(world) {
      const { token } = await logIn(world);
      const { mount } = world.vault;
      const capabilities = await world.vault.call('POST', 'sys/capabilities-self', { token, body: { paths: ['sys/mounts', `${mount}/issuers/generate/root/exported`] } });
      const data = dataIn(capabilities);
      return {
        noGrant: words(await world.vault.call('GET', 'sys/mounts', { token })),
        noToken: words(await world.vault.call('GET', `${mount}/issuers`)),
        wrongToken: words(await world.vault.call('GET', 'auth/token/lookup-self', { token: 'hvs.wrong' })),
        unknownIssuer: words(await world.vault.call('GET', `${mount}/issuer/nobody`, { token })),
        capabilities: data['sys/mounts'] as string[],
        granted: [...(data[`${mount}/issuers/generate/root/exported`] as string[])].sort(),
      };
    },
  },
  {
    id: 'vault-token-lives',
    rule: 'adapters/vault/session: lookup, renewal at half of its life, end',
    title: 'A token says how long it lives, is renewed for its full time, and is refused once it has been revoked',
    area: 'Vault',
    disturbs: 'nothing',
    expected: { ttl: true, period: 3600, renewed: 3600, revoked: 204, afterwards: '403 2 errors occurred: * permission denied * invalid token' },
    async run(world) {
      const { token } = await logIn(world);
      const lookup = dataIn(await world.vault.call('GET', 'auth/token/lookup-self', { token }));
      const renewed = await world.vault.call('POST', 'auth/token/renew-self', { token, body: {} });
      const { status } = await world.vault.call('POST', 'auth/token/revoke-self', { token });
      return {
        ttl: Number(lookup.ttl) > 3590 && Number(lookup.ttl) <= 3600,
        period: lookup.creation_ttl as number,
        renewed: (renewed.body.auth as { lease_duration: number }).lease_duration,
        revoked: status,
        afterwards: words(await world.vault.call('GET', 'auth/token/lookup-self', { token })),
      };
    },
  },
  {
    id: 'vault-makes-a-root',
    rule: '6.13 to 6.16; decision 0004; step issue-ca',
    title: 'A root is self-signed with its own name, both key identifiers, no usages and no path length, dated as asked, and its key comes with it once',
    area: 'Vault',
    disturbs: 'restores-itself',
    expected: {
      subject: 'CN=fidelity\nserialNumber=NAME',
      selfSigned: true,
      isCa: true,
      sans: null,
      usages: null,
      backdatedMinutes: 60,
      hours: 24,
      keyFits: true,
      form: 'EC PRIVATE KEY',
      named: true,
      readBack: true,
      gone: true,
    },
    async run(world, undo) {
      const { token } = await logIn(world);
      const { mount } = world.vault;
      const name = uniqueName();
      const root = await makeRoot(world, undo, token, { name });
      const { certificate } = root;
      const list = dataIn(await world.vault.call('LIST', `${mount}/issuers`, { token }));
      const readBack = dataIn(await world.vault.call('GET', `${mount}/issuer/${root.issuerId}`, { token }));
      const seen = {
        subject: certificate.subject.replace(name, 'NAME'),
        selfSigned: certificate.verify(certificate.publicKey),
        isCa: certificate.ca,
        sans: certificate.subjectAltName ?? null,
        usages: certificate.keyUsage ?? null,
        backdatedMinutes: Math.round((Date.now() - Date.parse(certificate.validFrom)) / 60_000),
        hours: Math.round((Date.parse(certificate.validTo) - Date.now()) / 3_600_000),
        keyFits: certificate.checkPrivateKey(createPrivateKey(root.keyPem)),
        form: /-----BEGIN ([A-Z ]+)-----/.exec(root.keyPem)?.[1] ?? '',
        named: (list.key_info as Record<string, { issuer_name?: string }> | undefined)?.[root.issuerId]?.issuer_name === name,
        readBack: String(readBack.certificate).trim() === certificate.toString().trim() && readBack.key_id === root.keyId,
      };
      await world.vault.call('DELETE', `${mount}/issuer/${root.issuerId}`, { token });
      await world.vault.call('DELETE', `${mount}/key/${root.keyId}`, { token });
      const { status } = await world.vault.call('GET', `${mount}/issuer/${root.issuerId}`, { token });
      return { ...seen, gone: status >= 400 };
    },
  },
  {
    id: 'vault-signs-verbatim',
    rule: '6.7 (30 s by default), 6.13; adapters/vault/issuer sign',
    title: 'sign-verbatim keeps subject and alternative names of the request, dates back by 30 s, or as the role says, and takes the usages asked for',
    area: 'Vault',
    disturbs: 'restores-itself',
    expected: {
      subject: ['CN=system:node:fidelity', 'O=system:nodes'],
      sans: 'DNS:a.example, IP Address:10.0.0.1',
      issuedBy: true,
      backdatedSeconds: 30,
      byRoleSeconds: 600,
      usages: '1.3.6.1.5.5.7.3.2',
      isCa: false,
      noSans: null,
      withoutTtlEnds: true,
    },
    async run(world, undo) {
      const { token } = await logIn(world);
      const root = await makeRoot(world, undo, token, { name: uniqueName() });
      const leafOf = async (wish: Parameters<typeof sign>[3]): Promise<X509Certificate> => {
        const answer = await sign(world, token, root, wish);
        if (answer.status !== 200) throw new Error(words(answer));
        return new X509Certificate(String(dataIn(answer).certificate));
      };
      // Its life less the hour that was asked for: when it was looked at plays no part.
      const backdated = (leaf: X509Certificate): number => Math.round((Date.parse(leaf.validTo) - Date.parse(leaf.validFrom) - 3_600_000) / 10_000) * 10;
      const leaf = await leafOf({ csr: await request(['DNS:a.example', 'IP:10.0.0.1']) });
      const byRole = await leafOf({ csr: await request(), role: 'rotate-ca' });
      return {
        subject: leaf.subject.split('\n').sort(),
        sans: leaf.subjectAltName ?? '',
        issuedBy: leaf.verify(root.certificate.publicKey) && leaf.checkIssued(root.certificate),
        backdatedSeconds: backdated(leaf),
        byRoleSeconds: backdated(byRole),
        usages: leaf.keyUsage?.join() ?? '',
        isCa: leaf.ca,
        noSans: byRole.subjectAltName ?? null,
        withoutTtlEnds: Date.parse(leaf.validTo) - Date.now() <= 3_600_000,
      };
    },
  },
  {
    id: 'vault-refuses-what-does-not-fit',
    rule: '6.14; step issue-ca',
    title: 'A leaf that would outlive its issuer, a name that is taken, and a body that is no request are refused in these words',
    area: 'Vault',
    disturbs: 'restores-itself',
    expected: {
      outlives: '400 cannot satisfy request, as TTL would result in notAfter of TIME that is beyond the expiration of the CA certificate at TIME',
      nameTaken: '400 issuer name already in use',
      noRequest: '400 csr contains no data',
      emptyBody: '400 "csr" is empty',
    },
    async run(world, undo) {
      const { token } = await logIn(world);
      const name = uniqueName();
      const root = await makeRoot(world, undo, token, { name, ttl: '2h' });
      const timeless = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
      const again = await world.vault.call('POST', `${world.vault.mount}/issuers/generate/root/exported`, {
        token,
        body: { issuer_name: name, common_name: 'x', key_type: 'ec', key_bits: 256, ttl: '1h' },
      });
      return {
        outlives: timeless(words(await sign(world, token, root, { csr: await request(), ttl: '48h' }))),
        nameTaken: words(again),
        noRequest: words(await sign(world, token, root, { csr: 'no request' })),
        emptyBody: words(await world.vault.call('POST', `${world.vault.mount}/issuer/${root.issuerId}/sign-verbatim`, { token, body: {} })),
      };
    },
  },
  {
    id: 'vault-sealed',
    rule: 'adapters/vault/check, refusal',
    title: 'Sealed, it says so in its health with 503, and to every request; opened again, it has what it had',
    area: 'Vault',
    disturbs: 'restores-itself',
    expected: { open: '200 false', health: '503 true', login: '503 Vault is sealed', openAgain: true, rootIsThere: true },
    async run(world, undo) {
      const health = async (): Promise<string> => {
        const { status, body } = await world.vault.call('GET', 'sys/health');
        return `${status} ${String(body.sealed)}`;
      };
      const { token } = await logIn(world);
      const root = await makeRoot(world, undo, token, { name: uniqueName() });
      const open = await health();
      const { roleId, secretId } = world.vault;
      const sealed = await world.vault.whileSealed(async () => ({
        health: await health(),
        login: words(await world.vault.call('POST', 'auth/approle/login', { body: { role_id: roleId, secret_id: secretId } })),
      }));
      const again = await logIn(world);
      const { status } = await world.vault.call('GET', `${world.vault.mount}/issuer/${root.issuerId}`, { token: again.token });
      return { open, ...sealed, openAgain: again.token !== '', rootIsThere: status === 200 };
    },
  },
];
