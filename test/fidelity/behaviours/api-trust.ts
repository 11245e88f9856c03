/** The client CA bundle of a running API server: what it takes up by itself, and what it does not take. */

import type { Behaviour } from '../behaviour.js';
import { pidOf } from '../components.js';
import { caOfCluster, leafOf, newCa, probeUser } from '../credentials.js';
import { writeAgain } from '../node-files.js';
import { keepConnection, whoAmI } from '../questions.js';
import { clientCa, writeBundle } from '../trust.js';
import { until } from '../until.js';
import { controlPlane } from '../world.js';

/** H by inotify: a second or so; 60 s if the watch was missed. */
const hotMs = 70_000;
/** Long enough for inotify to have been heard. */
const noticeMs = 4_000;

const isNamed = (answer: string | number): boolean => answer === probeUser;
const isRefused = (answer: string | number): boolean => answer === 401;

export const apiTrust: readonly Behaviour[] = [
  {
    id: 'api-client-ca-is-hot',
    rule: '0.2 H, 4.7; step set-server-trust',
    title: 'A CA that is added to ca.crt is trusted without a restart, also one with the same name as the outgoing one; taken out again, it is refused',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 401, added: probeUser, sameName: probeUser, outgoing: probeUser, removed: 401, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const sameName = await newCa('kubernetes');
      const [leaf, twin, own] = [await leafOf(incoming), await leafOf(sameName), await leafOf(await caOfCluster(world))];
      const ask = () => whoAmI(world, node, leaf);
      const pid = await pidOf(world, node.name, 'kube-apiserver');
      const before = await ask();
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${incoming.certificatePem}${sameName.certificatePem}`;
      });
      const added = await until(world, hotMs, ask, isNamed);
      const seen = { sameName: await whoAmI(world, node, twin), outgoing: await whoAmI(world, node, own) };
      await writeAgain(world, { node: node.name, path: clientCa }, text);
      const removed = await until(world, hotMs, ask, isRefused);
      return { before, added, ...seen, removed, sameProcess: (await pidOf(world, node.name, 'kube-apiserver')) === pid };
    },
  },
  {
    id: 'api-verifies-every-request',
    rule: '0.3: client certificates are verified at every request, not at the handshake',
    title: 'On one open connection a client is accepted while its CA is trusted and gets 401, no TLS alert, when it no longer is',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { before: 401, trusted: probeUser, distrusted: 401, trustedAgain: probeUser },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const connection = await keepConnection(world, node, await leafOf(incoming));
      undo.add('the connection is closed', async () => connection.close());
      const ask = () => connection.whoAmI();
      const before = await ask();
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${incoming.certificatePem}`;
      });
      const write = (pem: string) => writeAgain(world, { node: node.name, path: clientCa }, pem);
      const trusted = await until(world, hotMs, ask, isNamed);
      await write(text);
      const distrusted = await until(world, hotMs, ask, isRefused);
      await write(`${text}${incoming.certificatePem}`);
      return { before, trusted, distrusted, trustedAgain: await until(world, hotMs, ask, isNamed) };
    },
  },
  {
    id: 'api-bad-bundle-keeps-the-last-good',
    rule: '0.2 H, 0.4 rule 9: one malformed CERTIFICATE block rejects the whole file',
    title: 'A bundle with one malformed block, and an empty one, change nothing: what was trusted before stays trusted',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { outgoing: probeUser, besideMalformed: 401, outgoingWhenEmpty: probeUser, readyz: probeUser },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const [leaf, own] = [await leafOf(incoming), await leafOf(await caOfCluster(world))];
      await writeBundle(world, undo, node, (now) => `${now}${incoming.certificatePem}-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n`);
      await world.pass(noticeMs);
      const seen = { outgoing: await whoAmI(world, node, own), besideMalformed: await whoAmI(world, node, leaf) };
      await writeAgain(world, { node: node.name, path: clientCa }, '\n');
      await world.pass(noticeMs);
      return { ...seen, outgoingWhenEmpty: await whoAmI(world, node, own), readyz: await whoAmI(world, node, own) };
    },
  },
  {
    id: 'api-bundle-of-other-blocks',
    rule: '0.4 rule 9: blocks that are no certificates and the text around are skipped',
    title: 'Words and blocks of other kinds in a bundle are passed over',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { incoming: probeUser, outgoing: probeUser },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const [leaf, own] = [await leafOf(incoming), await leafOf(await caOfCluster(world))];
      const other = '# the incoming one\n-----BEGIN PUBLIC KEY-----\nbm90IGEga2V5\n-----END PUBLIC KEY-----\nwords\n';
      await writeBundle(world, undo, node, (now) => `${now}${other}${incoming.certificatePem}`);
      return { incoming: await until(world, hotMs, () => whoAmI(world, node, leaf), isNamed), outgoing: await whoAmI(world, node, own) };
    },
  },
  {
    id: 'api-half-written-bundle-is-smaller',
    rule: '4.7: a bundle cut after its first complete block is accepted as a smaller bundle',
    title: 'A bundle that breaks off in its second block is loaded without that block',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { whole: probeUser, cut: 401, outgoing: probeUser },
    async run(world, undo) {
      const node = controlPlane(world);
      const incoming = await newCa('fidelity-incoming');
      const [leaf, own] = [await leafOf(incoming), await leafOf(await caOfCluster(world))];
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${incoming.certificatePem}`;
      });
      const whole = await until(world, hotMs, () => whoAmI(world, node, leaf), isNamed);
      await writeAgain(world, { node: node.name, path: clientCa }, `${text}${incoming.certificatePem.slice(0, 300)}`);
      const cut = await until(world, hotMs, () => whoAmI(world, node, leaf), isRefused);
      return { whole, cut, outgoing: await whoAmI(world, node, own) };
    },
  },
  {
    id: 'api-anchors-are-dated',
    rule: '0.4 rule 3: an expired root in the bundle fails the chain',
    title: 'A CA in the bundle that has expired accepts nobody, while one beside it does',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { ofValid: probeUser, ofExpired: 401 },
    async run(world, undo) {
      const node = controlPlane(world);
      const expired = await newCa('fidelity-expired', { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 });
      const incoming = await newCa('fidelity-incoming');
      const [leaf, late] = [await leafOf(incoming), await leafOf(expired)];
      await writeBundle(world, undo, node, (now) => `${now}${expired.certificatePem}${incoming.certificatePem}`);
      return { ofValid: await until(world, hotMs, () => whoAmI(world, node, leaf), isNamed), ofExpired: await whoAmI(world, node, late) };
    },
  },
];
