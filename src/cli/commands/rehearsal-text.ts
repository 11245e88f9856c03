/** What a rehearsal has shown, for the person who may do it in earnest next. */

import type { Rehearsal } from '../../app/rehearse.js';
import type { Output } from '../output.js';

/** What does not hold, one line each; empty for a rehearsal that was as it should be. */
export function troublesOf(rehearsal: Rehearsal): string[] {
  const { checks, sweep, availability, pods, cutover } = rehearsal;
  const { failed } = availability.total();
  return [
    ...checks.flatMap(({ what, wrong }) => wrong.map((one) => `${what}: not so, ${one}`)),
    ...(sweep?.found ?? []).map((place) => `the outgoing CA is still in ${place}`),
    // Where the API is away on purpose its clients are not served for a while: that is measured, and the programs in the pods must go on.
    ...(failed > 0 && cutover === undefined ? [`${failed} requests to the API failed`] : []),
    ...(cutover !== undefined && pods.serving.without.length > 0 ? [`no pod ran for a while: ${pods.serving.without.join(', ')}`] : []),
    ...(pods.failures > 0 && cutover === undefined
      ? [
          `${pods.failures} requests of pods failed: ${Object.entries(pods.byReason)
            .map(([reason, count]) => `${count} ${reason}`)
            .join(', ')}`,
        ]
      : []),
  ];
}

export function startText(spec: { readonly nodes: readonly { readonly roles: readonly string[] }[]; readonly version: string; readonly block: number }, speed: number): string {
  const controlPlanes = spec.nodes.filter(({ roles }) => roles.includes('control-plane')).length;
  const workers = spec.nodes.length - controlPlanes;
  const shape = `${controlPlanes} control ${controlPlanes === 1 ? 'plane' : 'planes'}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  return `Starting a staging cluster: ${shape}, Kubernetes ${spec.version}, on 127.${spec.block}.x.y; waits pass ${speed} times as fast`;
}

export function rehearsalText(rehearsal: Rehearsal, out: Pick<Output, 'colours' | 'columns'>, notReproduced: readonly string[]): string {
  const c = out.colours;
  const { plan, checks, sweep, availability, pods, incoming, tookMs, view, cutover } = rehearsal;
  const outgoing =
    rehearsal.outgoing ?? plan.inventory.nodes.flatMap((node) => node.files).find(({ path }) => /^\/etc\/kubernetes\/pki\/ca\.(crt|pem)$/.test(path))?.certificates[0];
  const total = availability.total();
  // In a cutover failed requests are no news.
  const worse = cutover === undefined ? c.red : c.yellow;
  const places = [...availability.places()].map(([place, { sent, failed }]) => `${place} ${sent - failed}/${sent}`);
  const failures = availability.failures();
  const lines = [
    '',
    c.bold(`Rehearsed: ${plan.playbook.file.split('/').at(-1) ?? ''} on ${plan.inventory.nodes.length} nodes in ${(tookMs / 1000).toFixed(0)} s, ${view.value}`),
    '',
    `Rotated    ${outgoing?.subject ?? ''} (sha256 ${outgoing?.fingerprint.slice(0, 16) ?? ''})`,
    `     to    ${incoming === undefined ? 'nothing: the run did not get so far' : `${incoming.subject} (sha256 ${incoming.fingerprint.slice(0, 16)})`}`,
    `           ${plan.steps.length} steps, ${plan.steps.filter(({ gate }) => gate !== undefined).length} gates; each step proved by asking the components`,
    '',
    ...(['mixed', 'positive', 'negative'] as const).flatMap((side) =>
      checks
        .filter((check) => check.side === side)
        .map((check, index) => {
          const head = `${index === 0 ? title[side] : ''}`.padEnd(11) + (check.wrong.length === 0 ? c.green('✓') : c.red('✗'));
          return `${head} ${broken(`${check.what} (${check.asked - check.wrong.length} of ${check.asked})`, 13, out.columns)}`;
        }),
    ),
    '',
    `API        ${total.failed === 0 ? c.green(`${total.sent} requests sent, 0 failed`) : worse(`${total.sent} requests sent, ${total.failed} failed`)}`,
    ...(cutover === undefined
      ? []
      : [
          `           ${broken(`away on purpose for ${seconds(cutover.awayMs)}; a client on a legacy token was not served for ${seconds(cutover.unservedMs)}, until it had its new token and the new CA`, 11, out.columns)}`,
        ]),
    '           each over a fresh TLS connection, no retry, an answer within 1 s',
    `           ${places.join(', ')}`,
    ...failures
      .slice(0, 5)
      .map(({ atMs, place, reason }) =>
        worse(`           ${new Date(atMs).toISOString().slice(11, 23)} ${place}: ${reason.replace(/^POST \S+ had no answer/, 'no answer').replace(/\. Look at it.*$/, '')}`),
      ),
    ...(failures.some(({ reason }) => reason.includes('ETIMEDOUT'))
      ? [`           ${broken(`the staging cluster stood still for up to ${pods.longestStallMs} ms: this machine was busy with something else, or is too slow`, 11, out.columns)}`]
      : []),
    `Pods       ${pods.asking} asked the API all along: ${pods.requests} requests, ${pods.failures === 0 ? c.green('0 failed') : worse(`${pods.failures} failed`)}`,
    ...(cutover === undefined ? [] : [`           ${broken(servingText(pods.serving), 11, out.columns)}`]),
    ...(sweep === undefined
      ? []
      : [
          `Outgoing   found ${sweep.found.length === 0 ? c.green('nowhere') : c.red(`in ${sweep.found.length} places`)}: ${sweep.files} files on ${sweep.nodes} nodes and ${sweep.objects} objects were searched`,
          ...sweep.found.map((place) => c.red(`           ${place}`)),
        ]),
    ...(notReproduced.length === 0 ? [] : ['', 'Not as in your cluster', ...notReproduced.map((line) => `           ${broken(line, 11, out.columns)}`)]),
  ];
  return lines.join('\n');
}

function servingText({ workloads, without, looks }: Rehearsal['pods']['serving']): string {
  const all = without.length === 0 ? `each of ${workloads} applications` : `each of ${workloads} applications but ${without.join(', ')}`;
  return `${all} had a pod that ran at each of ${looks} looks`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const title = { mixed: 'Mixed', positive: 'Accepted', negative: 'Refused' } as const;

/** Broken at blanks so that it fits into the columns behind an indent; as it is where there are none. */
function broken(text: string, indent: number, columns: number | undefined): string {
  if (columns === undefined) return text;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && indent + line.length + 1 + word.length < columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

/** How it is done in earnest. */
export const nextText = [
  'Next, on a cluster of your own (README.md, "On your own cluster"; from a clone, rotate-ca is "node dist/cli/main.js"):',
  '  rotate-ca plan -i inventory.yaml --recipient age1... --identity key.txt \\',
  '                 --out plan.json            reads only',
  '  rotate-ca rehearse --from plan.json       on a staging cluster like yours',
  '  rotate-ca run plan.json                   stops at its gates and asks',
].join('\n');
