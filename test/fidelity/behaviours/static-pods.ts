/** Static pods: what restarts them, what does not, and which files they see. */

import { parse, stringify } from 'yaml';
import type { Behaviour } from '../behaviour.js';
import { leaderOf, manifestOf, mustAllBeCalm, mustBeCalm, pidOf, processesOf, restarterOf } from '../components.js';
import { addFile, changeFile, textOf, writeAgain } from '../node-files.js';
import { uniqueName } from '../scratch.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes, type World } from '../world.js';

const folder = '/etc/kubernetes/manifests';
const scheduler = 'kube-scheduler';

/** A control plane whose scheduler does not lead: restarting it costs nobody anything. */
async function standby(world: World): Promise<string> {
  const { node } = await leaderOf(world, scheduler);
  const other = controlPlanes(world).find(({ name }) => name !== node) ?? controlPlanes(world)[0];
  if (other === undefined) throw new Error('there is no control plane');
  return other.name;
}

/** A pod that does nothing, beside those of kubeadm. */
function idlePod({ idleImage: image }: World, name: string): string {
  const container = { name: 'idle', image, imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '1m', memory: '4Mi' } } };
  return stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'kube-system' }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } });
}

function mirrorPod(world: World, name: string, node: string) {
  return world.kube.read({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', name: `${name}-${node}` }, { deadlineMs: callMs });
}

function isRunning(pod: Awaited<ReturnType<typeof mirrorPod>>): boolean {
  return (pod?.status as { phase?: string } | undefined)?.phase === 'Running';
}

export const staticPods: readonly Behaviour[] = [
  {
    id: 'static-pod-same-content',
    rule: '4.6: no restart by mtime',
    title: 'A manifest that is touched, given another mode, or written again with the same content restarts nothing',
    area: 'static pods',
    disturbs: 'restores-itself',
    expected: { touched: 'the same process', writtenAgain: 'the same process', comment: 'the same process' },
    async run(world, undo) {
      const node = await standby(world);
      const at = { node, path: manifestOf(scheduler) };
      const pid = (await mustBeCalm(world, node, scheduler)).pid;
      const words = async (): Promise<string> => {
        await world.pass(4_000);
        return (await pidOf(world, node, scheduler)) === pid ? 'the same process' : 'another process';
      };
      await world.shell(node).must(`touch ${at.path}; chmod 0640 ${at.path}; chmod 0600 ${at.path}`, { deadlineMs: callMs });
      const touched = await words();
      const text = await textOf(world, node, at.path);
      await writeAgain(world, at, text);
      const writtenAgain = await words();
      await changeFile(world, undo, at, (now) => `# a comment\n${now}`);
      return { touched, writtenAgain, comment: await words() };
    },
  },
  {
    id: 'static-pod-annotation',
    rule: '4.6: another field is another UID: the old pod ends, then the new one starts; step renew-control-plane',
    title: 'An annotation in the manifest restarts the component: a new process after the old one has ended, never two at once',
    area: 'static pods',
    disturbs: 'restores-itself',
    expected: { otherProcess: true, most: 1, startedAfterTheFile: true, mirrorHasAnnotation: true },
    async run(world, undo) {
      const node = await standby(world);
      undo.add('all schedulers are calm', () => mustAllBeCalm(world, scheduler));
      const before = (await mustBeCalm(world, node, scheduler)).pid;
      const restart = await restarterOf(world, undo, node, scheduler);
      await restart();
      let most = 0;
      const found = await until(
        world,
        90_000,
        async () => {
          const all = await processesOf(world, node, scheduler, [manifestOf(scheduler)]);
          most = Math.max(most, all.length);
          return all;
        },
        (all) => all.length === 1 && all[0]?.pid !== before,
      );
      await mustBeCalm(world, node, scheduler);
      const [process] = found;
      const mirrored = await until(
        world,
        20_000,
        () => mirrorPod(world, scheduler, node),
        (pod) => pod?.metadata.annotations?.['fidelity/generation'] !== undefined,
      );
      return {
        otherProcess: process !== undefined && process.pid !== before,
        most,
        startedAfterTheFile: (process?.startedAtMs ?? 0) > (process?.changedAtMs.get(manifestOf(scheduler)) ?? Number.POSITIVE_INFINITY),
        mirrorHasAnnotation: mirrored?.metadata.annotations?.['fidelity/generation'] !== undefined,
      };
    },
  },
  {
    id: 'static-pod-killed',
    rule: '4.6 (kill the process: re-created with fresh bind mounts), 1.1 (single-file hostPath keeps the inode); operations/static-pod',
    title: 'A single file that was replaced is seen by a running component as it was, a file in a mounted folder as it is; killed, it starts again and sees both as they are',
    area: 'static pods',
    disturbs: 'restores-itself',
    expected: { singleFile: 'kept', folder: 'as it is', killed: { singleFile: 'as it is', otherProcess: true }, sameManifest: true },
    async run(world, undo) {
      const component = 'kube-controller-manager';
      const { node: leader } = await leaderOf(world, component);
      const node = controlPlanes(world).find(({ name }) => name !== leader)?.name ?? leader;
      const single = '/etc/kubernetes/controller-manager.conf';
      const inFolder = '/etc/kubernetes/pki/fidelity.txt';
      const shell = world.shell(node);
      const look = () => processesOf(world, node, component, [single, inFolder]);
      const kill = async (): Promise<number> => {
        const pid = await pidOf(world, node, component);
        await shell.must(`kill -TERM ${pid}`, { deadlineMs: callMs });
        return (await mustBecome(
          world,
          'it starts again',
          90_000,
          () => pidOf(world, node, component),
          (now) => now !== 0 && now !== pid,
        )) === pid
          ? 0
          : pid;
      };
      await mustBeCalm(world, node, component);
      const manifest = await textOf(world, node, manifestOf(component));
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, component));
      undo.add('it has the file of before', async () => void (await kill()));
      await addFile(world, undo, { node, path: inFolder }, 'fidelity\n');
      await changeFile(world, undo, { node, path: single }, (text) => `${text}# another inode\n`);
      const words = (seen: Awaited<ReturnType<typeof look>>[number] | undefined): string => (seen === undefined ? 'no process' : seen.kept.has(single) ? 'kept' : 'as it is');
      const [running] = await look();
      const before = running?.pid ?? 0;
      await kill();
      await mustBeCalm(world, node, component);
      const [again] = await look();
      return {
        singleFile: words(running),
        folder: running?.mounted.has(inFolder) === true ? 'as it is' : 'not seen',
        killed: { singleFile: words(again), otherProcess: again !== undefined && again.pid !== before },
        sameManifest: (await textOf(world, node, manifestOf(component))) === manifest,
      };
    },
  },
  {
    id: 'static-pod-files-in-the-folder',
    rule: '4.6, 6.27: every non-dot file is a manifest',
    title: 'A dotfile in the manifest folder is no pod; a copy with another ending is one; removed, its pod goes',
    area: 'static pods',
    disturbs: 'restores-itself',
    expected: { dotfile: 'no pod', copy: 'a pod', removed: 'no pod' },
    async run(world, undo) {
      const node = await standby(world);
      const [hidden, shown] = [uniqueName('hidden'), uniqueName('shown')];
      await addFile(world, undo, { node, path: `${folder}/.${hidden}.yaml` }, idlePod(world, hidden));
      const path = `${folder}/${shown}.yaml.bak`;
      await addFile(world, undo, { node, path }, idlePod(world, shown));
      const copy = isRunning(await until(world, 40_000, () => mirrorPod(world, shown, node), isRunning)) ? 'a pod' : 'no pod';
      const dotfile = (await mirrorPod(world, hidden, node)) === undefined ? 'no pod' : 'a pod';
      await world.shell(node).removeFile(path, { deadlineMs: callMs });
      const removed =
        (await until(
          world,
          60_000,
          () => mirrorPod(world, shown, node),
          (pod) => pod === undefined,
        )) === undefined
          ? 'no pod'
          : 'a pod';
      return { dotfile, copy, removed };
    },
  },
  {
    id: 'static-pod-mirror-deleted',
    rule: '4.6: deleting the mirror pod restarts nothing',
    title: 'The mirror pod of a component that is deleted comes back with another uid, and the process runs on',
    area: 'static pods',
    disturbs: 'restores-itself',
    slow: true,
    expected: { back: true, otherUid: true, sameProcess: true, owner: 'Node' },
    async run(world) {
      const node = await standby(world);
      const pid = (await mustBeCalm(world, node, scheduler)).pid;
      const before = await mirrorPod(world, scheduler, node);
      await world.kube.remove({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', name: `${scheduler}-${node}` }, { deadlineMs: callMs, gracePeriodSeconds: 0 });
      const back = await until(
        world,
        150_000,
        () => mirrorPod(world, scheduler, node),
        (pod) => pod !== undefined && pod.metadata.uid !== before?.metadata.uid && isRunning(pod),
      );
      return {
        back: back !== undefined,
        otherUid: back?.metadata.uid !== before?.metadata.uid,
        sameProcess: (await pidOf(world, node, scheduler)) === pid,
        owner: back?.metadata.ownerReferences?.[0]?.kind ?? '',
      };
    },
  },
  {
    id: 'static-pod-manifest-as-kubeadm-writes-it',
    rule: '1.1: mounts of components, modes of files',
    title: 'Manifests are 0600 of root; pki is mounted as a folder, the kubeconfigs as single files; the flags are on the command line of the process',
    area: 'static pods',
    disturbs: 'nothing',
    expected: { mode: '0600 0 0', single: '/etc/kubernetes/controller-manager.conf', folder: '/etc/kubernetes/pki', flagsRun: true, caMode: '0644', keyMode: '0600' },
    async run(world) {
      const node = controlPlanes(world)[0]?.name ?? '';
      const path = manifestOf('kube-controller-manager');
      const files = await world.shell(node).readFiles([path, '/etc/kubernetes/pki/ca.crt', '/etc/kubernetes/pki/ca.key'], { deadlineMs: callMs });
      const file = files.get(path);
      const manifest = parse(Buffer.from(file?.bytes ?? []).toString('utf8')) as {
        spec: { containers: { command: string[] }[]; volumes: { hostPath: { path: string; type: string } }[] };
      };
      const ofType = (type: string, end: string): string =>
        manifest.spec.volumes.find(({ hostPath }) => hostPath.type.startsWith(type) && hostPath.path.endsWith(end))?.hostPath.path ?? '';
      const [process] = await processesOf(world, node, 'kube-controller-manager');
      return {
        mode: `${file?.mode} ${file?.uid} ${file?.gid}`,
        single: ofType('File', '.conf'),
        folder: ofType('Directory', '/pki'),
        flagsRun: manifest.spec.containers[0]?.command.join('\n') === process?.args.join('\n'),
        caMode: files.get('/etc/kubernetes/pki/ca.crt')?.mode ?? '',
        keyMode: files.get('/etc/kubernetes/pki/ca.key')?.mode ?? '',
      };
    },
  },
];
