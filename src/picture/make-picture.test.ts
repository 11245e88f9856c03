import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Edge, TrustGraph, TrustProcess } from '../domain/trust/graph.js';
import { makePicture } from './make-picture.js';
import type { LineView, Picture } from './picture.js';
import { sampleCaOf, sampleGraph, sampleInput } from './sample.test-support.js';

const hosts = ({ frames }: Picture): string[] => frames.map(({ title }) => title);

function lineBetween(picture: Picture, name: string): { readonly id: string; readonly connections: number; readonly legs: readonly string[] } {
  const titles = new Map(picture.boxes.map(({ id, title }) => [id, title]));
  const found = picture.lines.filter((line) => `${line.class} ${titles.get(line.from)} ${titles.get(line.to)}` === name);
  return found.length === 1 && found[0] !== undefined ? found[0] : expect.fail(`${found.length} lines ${name}`);
}

function viewAt(picture: Picture, step: string, name: string): LineView | undefined {
  return picture.moments.find((moment) => moment.step === step)?.lines.get(lineBetween(picture, name).id);
}

describe('hosts that are alike', () => {
  it('share a frame', () => {
    expect(
      hosts(makePicture({ ...sampleInput({ controlPlanes: 3, workers: 197 }), proof: { before: [], steps: [], verdicts: {}, policies: { proved: 0, modelled: [] }, unseen: [] } })),
    ).toEqual(['cp1..cp3 (3)', 'w1..w197 (197)', '']);
  });

  it('are parted by what they hold', () => {
    const graph = sampleGraph({ controlPlanes: 1, workers: 4 });
    const stored = new Map([...graph.state.stored, ['w2:/etc/kubernetes/kubelet.conf#ca', ['out', 'in']] as const]);
    const picture = makePicture({
      ...sampleInput({ controlPlanes: 1, workers: 4 }),
      graph: { ...graph, state: { ...graph.state, stored } },
      proof: { before: [], steps: [], verdicts: {}, policies: { proved: 0, modelled: [] }, unseen: [] },
    });
    expect(hosts(picture)).toEqual(['cp1', 'w1, w3, w4 (3)', 'w2', '']);
  });

  it('are parted by what breaks at one of them on the way', () => {
    expect(hosts(makePicture(sampleInput({ controlPlanes: 1, workers: 4 })))).toEqual(['cp1', 'w1', 'w2..w4 (3)', '']);
  });

  it('are together by their components alone where too many differ', () => {
    const graph = sampleGraph({ controlPlanes: 1, workers: 40 });
    const kubeconfigs = Array.from({ length: 40 }, (_, n) => [`w${n + 1}:/etc/kubernetes/kubelet.conf#ca`, Array.from({ length: n }, () => 'in')] as const);
    const stored = new Map<string, readonly string[]>([...graph.state.stored, ...kubeconfigs]);
    expect(hosts(makePicture({ ...sampleInput({ controlPlanes: 1, workers: 40 }), graph: { ...graph, state: { ...graph.state, stored } } }))).toEqual(['cp1', 'w1..w40 (40)', '']);
  });
});

describe('lines', () => {
  const picture = makePicture({ ...sampleInput({ controlPlanes: 3, workers: 2 }) });

  it('two legs of a connection are one line', () => {
    expect(lineBetween(picture, 'E5 kube-controller-manager kube-apiserver')).toMatchObject({ connections: 3, legs: ['server', 'client'] });
  });

  it('have the worst verdict of their edges, leg by leg, at each step', () => {
    const name = 'E5 kube-controller-manager kube-apiserver';
    expect(viewAt(picture, 'now', name)).toEqual({
      verdict: 'hold',
      legs: [
        { leg: 'server', verdict: 'hold', edges: 3, of: 3 },
        { leg: 'client', verdict: 'hold', edges: 3, of: 3 },
      ],
    });
    expect(viewAt(picture, 'control-plane-trusts-both/2', name)).toEqual({
      verdict: 'blip',
      legs: [
        { leg: 'server', verdict: 'blip', edges: 1, of: 3 },
        { leg: 'client', verdict: 'blip', edges: 1, of: 3 },
      ],
    });
  });

  it('an edge that fails goes on failing until it is said to have healed', () => {
    const steps = ['api-servers-present-incoming', 'roll-workloads', 'distrust-outgoing'] as const;
    const input = sampleInput({ controlPlanes: 1, workers: 1 });
    const healed = makePicture(input);
    const not = makePicture({ ...input, proof: { ...input.proof, steps: input.proof.steps.map(({ healed: _, ...step }) => step) } });
    const at = (of: Picture) => steps.map((step) => viewAt(of, step, 'E11 web kube-apiserver')?.verdict);
    expect([at(healed), at(not)]).toEqual([
      ['latent', 'latent', 'hold'],
      ['latent', 'latent', 'latent'],
    ]);
  });

  it('totals of each moment count every edge once', () => {
    for (const { totals } of picture.moments) expect([...totals.values()].reduce((a, b) => a + b, 0)).toBe(sampleGraph({ controlPlanes: 3, workers: 2 }).edges.length);
  });
});

describe('boxes', () => {
  const picture = makePicture(sampleInput({ controlPlanes: 3, workers: 2 }));
  const boxAt = (title: string, step: string) => picture.moments.find((moment) => moment.step === step)?.boxes.get(picture.boxes.find((box) => box.title === title)?.id ?? '');
  const outgoing = { name: 'kubernetes', generation: 'outgoing' };
  const incoming = { name: 'kubernetes-r1', generation: 'incoming' };

  it('show what is trusted, how many restart, and who is behind', () => {
    expect(boxAt('kube-scheduler', 'now')).toEqual({ trusts: [{ ca: outgoing, processes: 3 }], presents: [{ ca: outgoing, processes: 3 }], restarts: 0, behind: 0 });
    expect(boxAt('kube-scheduler', 'control-plane-trusts-both/2')).toEqual({
      trusts: [
        { ca: outgoing, processes: 3 },
        { ca: incoming, processes: 2 },
      ],
      presents: [{ ca: outgoing, processes: 3 }],
      restarts: 1,
      behind: 0,
    });
    expect(boxAt('kube-scheduler', 'kubelets-trust-both')?.restarts).toBe(0);
  });

  it('one that has read its CA once is behind until it starts anew', () => {
    const input = sampleInput({ controlPlanes: 1, workers: 1 });
    const steps = input.proof.steps.map((step) => (step.step === 'kubelets-trust-both' ? { ...step, restarts: [] } : step));
    const late = makePicture({ ...input, proof: { ...input.proof, steps } });
    const kubelets = late.boxes.filter(({ title }) => title === 'kubelet').map(({ id }) => id);
    const behind = (step: string) => kubelets.map((id) => late.moments.find((moment) => moment.step === step)?.boxes.get(id)?.behind);
    expect([behind('now'), behind('kubelets-trust-both'), behind('distrust-outgoing')]).toEqual([
      [0, 0],
      [1, 1],
      [1, 1],
    ]);
  });

  it('pods are one box where they do the same, by the name of their workload', () => {
    expect(picture.boxes.map(({ title }) => title).filter((title) => /^web$|proxy|pods/.test(title))).toEqual(['kube-proxy', 'kube-proxy', 'web', 'kube-proxy', 'web']);
  });
});

describe('notes', () => {
  const picture = makePicture(sampleInput({ controlPlanes: 3, workers: 2 }));
  const at = (step: string) => picture.moments.find((moment) => moment.step === step);

  it('changes that are alike on many hosts are one', () => {
    expect(at('servers-trust-both')?.changes).toEqual([
      { text: '~ /etc/kubernetes/pki/ca.crt  on cp1..cp3, w1, w2 (5)', detail: ['kubernetes (outgoing) → kubernetes (outgoing) + kubernetes-r1 (incoming)'] },
    ]);
  });

  it('findings say how many of how many, why, and what to do', () => {
    expect(at('distrust-outgoing')?.findings).toMatchObject([
      {
        verdict: 'break',
        text: 'E13 kube-apiserver → kubelet: C breaks (3 of 3)',
        detail: [
          'kubelet@w1 trusts the incoming CA alone; kube-apiserver presents a leaf of the outgoing one.',
          'Next: Issue apiserver-kubelet-client anew before the bundle is narrowed.',
        ],
      },
    ]);
  });

  it('restarts name the hosts', () => {
    expect(at('kubelets-trust-both')?.restarts).toEqual([
      { text: 'kubelet ×5 starts anew: cp1..cp3, w1, w2 (5)', detail: ['the CA of kubelet.conf is read once, and it has changed'] },
    ]);
  });
});

describe('any graph', () => {
  const kinds = ['component', 'pod', 'kubeconfig', 'served', 'engine', 'outside'] as const;
  const name = fc.string({ unit: 'binary', maxLength: 6 });
  const node = fc.constantFrom('cp1', 'w1', 'w2', '', '"]<', '🙂');
  const process = fc
    .record({ id: name, kind: fc.constantFrom(...kinds), node: fc.option(node, { nil: undefined }) })
    .map(({ node: at, ...rest }): TrustProcess => (at === undefined ? rest : { ...rest, node: at }));
  const graphs = fc.uniqueArray(process, { selector: ({ id }) => id, minLength: 1, maxLength: 12 }).chain((processes) => {
    const ends = fc.constantFrom(...processes.map(({ id }) => id));
    const edge = fc
      .record({ class: fc.constantFrom('E1', 'E13', 'K2'), leg: fc.constantFrom('server', 'client', 'token'), client: ends, server: ends })
      .map((one) => ({ ...one, id: `${one.class} ${one.client} -> ${one.server} ${one.leg}`, presents: '', rules: 'go' }) as Edge);
    return fc
      .uniqueArray(edge, { selector: ({ id }) => id, maxLength: 40 })
      .map((edges): TrustGraph => ({ processes, inputs: [], edges, state: { stored: new Map(), loaded: new Map() }, published: [], unseen: [] }));
  });

  it('has every edge in exactly one line, whose ends are the boxes of its two processes; and every process in one box', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const picture = makePicture({ title: '', graph, proof: { before: [], steps: [], verdicts: {}, policies: { proved: 0, modelled: [] }, unseen: [] }, caOf: sampleCaOf });
        expect(picture.lines.flatMap(({ edges }) => edges).toSorted()).toEqual(graph.edges.map(({ id }) => id).toSorted());
        expect(picture.boxes.flatMap(({ processes }) => processes).toSorted()).toEqual(graph.processes.map(({ id }) => id).toSorted());
        const boxes = new Map(picture.boxes.map((box) => [box.id, box]));
        for (const line of picture.lines) {
          for (const edge of graph.edges.filter(({ id }) => line.edges.includes(id))) {
            expect(edge.class).toBe(line.class);
            expect(boxes.get(line.from)?.processes).toContain(edge.client);
            expect(boxes.get(line.to)?.processes).toContain(edge.server);
          }
        }
      }),
    );
  });
});
