import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { handoffFiles } from './handoff.js';
import type { Holder } from './holders.js';

const [outgoing, incoming] = ['outgoing', 'incoming'].map((name) => `-----BEGIN CERTIFICATE-----\n${Buffer.from(name).toString('base64')}\n-----END CERTIFICATE-----`);
const holder = (id: string, more: Partial<Holder> = {}): Holder => ({
  id,
  kind: 'certificate',
  who: id.split('/')[0] ?? '',
  why: 'nobody knows it',
  nextAction: '',
  userAgents: ['kubectl/v1'],
  addresses: ['192.0.2.7'],
  lastSeenMs: 0,
  asksAck: true,
  ...more,
});
const filesOf = (...holders: Holder[]) => {
  const made = handoffFiles({ run: 'r1', server: 'https://10.0.0.1:6443', outgoing: outgoing ?? '', incoming: incoming ?? '', holders });
  return new Map(made.map(({ path, text }) => [path, text]));
};

describe('what is handed over', () => {
  it('both CAs until the end, then the incoming one alone', () => {
    const files = filesOf();
    expect([files.get('bundle-transitional.pem'), files.get('bundle-final.pem')]).toEqual([`${outgoing}\n${incoming}\n`, `${incoming}\n`]);
    for (const name of ['transitional', 'final']) {
      const config = parse(files.get(`kubeconfig-${name}.yaml`) ?? '') as { clusters: { cluster: Record<string, string> }[]; users: { user: object }[] };
      const { cluster } = config.clusters[0] ?? { cluster: {} };
      expect(Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString()).toBe(files.get(`bundle-${name}.pem`));
      expect(config.users[0]?.user).toEqual({ 'client-certificate': 'client.crt', 'client-key': 'client.key' });
    }
  });

  it('a page for whoever is out of reach, and for nobody else', () => {
    expect([...filesOf(holder('alice/3fa91c02'), holder('pod a/b', { asksAck: false })).keys()].filter((path) => path.startsWith('holders/'))).toEqual([
      'holders/alice-3fa91c02.md',
    ]);
  });

  it.each<[string, string[], string[]]>([
    ['that come to the same', ['a b@10.0.0.1', 'a-b@10.0.0.1', 'A-b@10.0.0.1'], ['a-b@10.0.0.1', 'a-b@10.0.0.1-2', 'A-b@10.0.0.1-3']],
    ['that lead elsewhere', ['../../etc/passwd/00', '/', '.'], ['etc-passwd-00', 'holder', 'holder-2']],
  ])('names %s', (_, ids, names) => expect([...filesOf(...ids.map((id) => holder(id))).keys()].slice(4)).toEqual(names.map((name) => `holders/${name}.md`)));

  it('a name of any text stays in its place: one file below the folder, one line of text, one word of a command', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 5 }), (names) => {
        const made = [...filesOf(...names.map((who, at) => holder(`${who}/${at}`, { who }))).entries()].slice(4);
        expect(made).toHaveLength(names.length);
        for (const [path, text] of made) {
          expect(path).toMatch(/^holders\/[A-Za-z0-9_@-][A-Za-z0-9._@-]*\.md$/);
          const subject = /^ {3}openssl req .* -subj (.*)$/m.exec(text)?.[1] ?? '';
          // As a shell reads it: parts in quotes, and quotes that are escaped.
          expect(subject).toMatch(/^(?:'[^']*'|\\')+$/);
          expect(/--ack (.*)`$/m.exec(text)?.[1]).toMatch(/^'[^'`]*'$/);
        }
      }),
    );
  });
});
