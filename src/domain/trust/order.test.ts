import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrustEffect, Verifier } from './effects.js';
import { type Ca, edges, type OrderedStep, proveOrder } from './order.js';

const trusts = (verifier: Verifier, ...cas: Ca[]): TrustEffect => ({ type: 'trusts', verifier, cas });
const presents = (presenter: Extract<TrustEffect, { type: 'presents' }>['presenter']): TrustEffect => ({ type: 'presents', presenter, ca: 'incoming' });
const step = (name: string, ...effects: TrustEffect[]): OrderedStep => ({ name, effects });

/** The shape of cluster-ca.yaml, written out by hand. */
const right: readonly OrderedStep[] = [
  step('look'),
  step('control plane trusts both', trusts('control-plane-clients', 'outgoing', 'incoming'), trusts('published', 'outgoing', 'incoming')),
  step('servers trust both', trusts('servers', 'outgoing', 'incoming')),
  step('own credential', presents('engine')),
  step('admins trust both', trusts('admins', 'outgoing', 'incoming')),
  step('kubelets trust both', trusts('kubelets', 'outgoing', 'incoming')),
  step('objects trust both', trusts('objects', 'outgoing', 'incoming')),
  step('roll', trusts('pods', 'outgoing', 'incoming')),
  step('switch signer', presents('csr-signer')),
  step('reissue api servers', presents('api-servers')),
  step('reissue to kubelets', presents('api-servers-to-kubelets')),
  step('reissue control plane', presents('control-plane-clients'), trusts('control-plane-clients', 'outgoing', 'incoming')),
  step('reissue kubelets', presents('kubelets')),
  step('reissue admins', presents('admins')),
  step('servers drop', trusts('servers', 'incoming')),
  step('extensions drop', trusts('extension-servers', 'incoming')),
  step('control plane drops', trusts('control-plane-clients', 'incoming'), trusts('published', 'incoming')),
  step('admins drop', trusts('admins', 'incoming')),
  step('kubelets drop', trusts('kubelets', 'incoming')),
  step('objects drop', trusts('objects', 'incoming')),
];

const without = (...names: string[]): OrderedStep[] => right.filter(({ name }) => !names.includes(name));
const moved = (name: string, before: string): OrderedStep[] => {
  const rest = without(name);
  rest.splice(
    rest.findIndex((s) => s.name === before),
    0,
    right.find((s) => s.name === name)!,
  );
  return rest;
};

/** Another way to the same answer: two members in each group, every interleaving of members within a step, every single connection. */
function breaksSomewhere(steps: readonly OrderedStep[]): boolean {
  const trusted = new Map<string, Set<Ca>>();
  const presented = new Map<string, Ca>();
  const members = [0, 1];
  const groups = Object.keys(edges) as (keyof typeof edges)[];
  const verifiers = [...new Set([...Object.values(edges).flat(), 'pods', 'objects'])];
  for (const m of members) {
    for (const v of verifiers) trusted.set(`${v}#${m}`, new Set<Ca>(['outgoing']));
    for (const g of groups) presented.set(`${g}#${m}`, 'outgoing');
  }
  const holds = (): boolean => groups.every((g) => edges[g].every((v) => members.every((p) => members.every((m) => trusted.get(`${v}#${m}`)!.has(presented.get(`${g}#${p}`)!)))));
  const act = (effect: TrustEffect, m: number): void => {
    if (effect.type === 'cutover') return;
    if (effect.type === 'presents') presented.set(`${effect.presenter}#${m}`, effect.ca);
    else trusted.set(`${effect.verifier}#${m}`, new Set(effect.cas));
    for (const own of members) for (const ca of trusted.get(`servers#${own}`)!) trusted.get(`extension-servers#${own}`)!.add(ca);
  };
  for (const { effects } of steps) {
    // A verifier group narrowed and widened at once (outgoing alone to incoming alone) never has a common CA in flight.
    for (const effect of effects) {
      for (const m of members) {
        act(effect, m);
        if (!holds()) return true;
      }
    }
  }
  return false;
}

describe('the order of a plan', () => {
  it('is proved for the right one', () => {
    expect(proveOrder(right)).toEqual([]);
  });

  it('needs no proof where nothing is done to trust', () => {
    expect(proveOrder([step('look'), step('save')])).toEqual([]);
  });

  it.each([
    [
      'kubelets are reissued before servers trust',
      moved('reissue kubelets', 'servers trust both'),
      'during step "reissue kubelets" kubelets may present a leaf of the incoming CA to: API servers and kubelets (ca.crt)',
    ],
    ['API servers are reissued before pods are rolled', moved('reissue api servers', 'roll'), 'may present a leaf of the incoming CA to: pods that loaded ca.crt once'],
    [
      'the signer is switched before servers trust',
      moved('switch signer', 'servers trust both'),
      'those who have a CertificateSigningRequest signed may present a leaf of the incoming CA',
    ],
    ['servers drop before admins are reissued', moved('servers drop', 'reissue admins'), 'during step "servers drop" admins may present a leaf of the outgoing CA'],
    [
      'kubelets drop before API servers are reissued',
      moved('kubelets drop', 'reissue api servers'),
      'API servers may present a leaf of the outgoing CA to: kubelets (kubelet.conf)',
    ],
    ['the engine would lock itself out', without('own credential'), 'rotate-ca itself may present a leaf of the outgoing CA'],
  ])('is refused if %s', (_what, steps, words) => {
    const failures = proveOrder(steps);
    expect(failures.map(({ summary }) => summary).join('\n')).toContain(words);
    expect(failures[0]?.code).toBe('chain-broken');
  });

  it('is refused if trust goes from one CA to the other in one step', () => {
    const steps = right.map((s) => (s.name === 'servers trust both' ? step(s.name, trusts('servers', 'incoming')) : s));
    expect(proveOrder(steps)[0]?.code).toBe('chain-broken');
  });

  it.each([
    ['extensions drop', 'extension API servers'],
    ['objects drop', 'cluster-info and other objects'],
    ['admins drop', 'admin kubeconfigs'],
  ])('is refused if "%s" is missing: the outgoing CA would stay', (name, words) => {
    const failures = proveOrder(without(name));
    expect(failures).toMatchObject([{ code: 'outgoing-left', summary: expect.stringContaining(words) }]);
  });

  it('is refused if extension trust is narrowed while API servers would add it again', () => {
    expect(proveOrder(moved('extensions drop', 'servers drop'))).toMatchObject([{ code: 'outgoing-left', target: 'extension-servers' }]);
  });

  describe('of a cutover', () => {
    const cut = [
      step('look'),
      step(
        'put in place',
        { type: 'cutover', edge: 'begins' },
        trusts('servers', 'incoming'),
        presents('api-servers'),
        presents('api-servers-to-kubelets'),
        presents('etcd-clients'),
      ),
      step('etcd', trusts('etcd', 'incoming')),
      step('api servers', presents('engine'), trusts('admins', 'incoming'), presents('admins')),
      step('kubelets', trusts('kubelets', 'incoming'), presents('kubelets')),
      step('controllers', trusts('control-plane-clients', 'incoming'), presents('control-plane-clients'), trusts('published', 'incoming'), presents('csr-signer')),
      step('extensions', trusts('extension-servers', 'incoming')),
      step('objects', trusts('objects', 'incoming')),
      step('roll', trusts('pods', 'incoming'), { type: 'cutover', edge: 'ends' }),
    ];
    const cutWithout = (name: string): OrderedStep[] => cut.filter((s) => s.name !== name);

    it('is proved by how things stand at its end', () => {
      expect(proveOrder(cut)).toEqual([]);
    });

    it.each([
      ['etcd', 'API servers and etcd members, to members, may present a leaf of the incoming CA to: etcd members'],
      ['kubelets', 'kubelets may present a leaf of the outgoing CA to: API servers and kubelets'],
      ['controllers', 'kube-controller-manager and kube-scheduler may present a leaf of the outgoing CA'],
      ['api servers', 'rotate-ca itself may present a leaf of the outgoing CA'],
      ['roll', 'the cutover that begins with step "put in place" has no end'],
    ])('is refused without "%s"', (name, words) => {
      expect(
        proveOrder(cutWithout(name))
          .map(({ summary }) => summary)
          .join('\n'),
      ).toContain(words);
    });
  });

  it('lets pods keep the outgoing CA in memory', () => {
    expect(proveOrder([...right, step('verify', trusts('pods', 'incoming'))])).toEqual([]);
  });

  it('each adjacent pair swapped is refused or proved, as a simulation of single members says', () => {
    let refused = 0;
    for (let i = 0; i + 1 < right.length; i += 1) {
      const swapped = [...right.slice(0, i), right[i + 1]!, right[i]!, ...right.slice(i + 2)];
      const failures = proveOrder(swapped).filter(({ code }) => code === 'chain-broken');
      expect(failures.length > 0, `${right[i]!.name} <-> ${right[i + 1]!.name}`).toBe(breaksSomewhere(swapped));
      if (failures.length > 0) refused += 1;
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('never proves an order that breaks a single connection', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...right], { minLength: 12, maxLength: right.length }), (steps) => {
        if (breaksSomewhere(steps)) expect(proveOrder(steps)).not.toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('never refuses for a single swap that no member feels', () => {
    fc.assert(
      fc.property(fc.nat(right.length - 1), fc.nat(right.length - 1), (a, b) => {
        const steps = [...right];
        [steps[a], steps[b]] = [steps[b]!, steps[a]!];
        const broken = proveOrder(steps).some(({ code }) => code === 'chain-broken');
        expect(broken).toBe(breaksSomewhere(steps));
      }),
      { numRuns: 300 },
    );
  });
});
