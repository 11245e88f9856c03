/** set-up-issuer: the mount, its longest lease, a role for each organisation, a policy: made where they are missing, compared where they are there. */

import { z } from 'zod';
import { failure, type Failure } from '../../domain/errors.js';
import type { EngineSetup, SetupItem } from '../../domain/issuing/engine-setup.js';
import { duration } from '../../domain/plan/duration.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  maxTtl: duration.prefault('43800h').describe('Longest life of anything that the mount issues.'),
  roles: z
    .array(z.strictObject({ name: z.string().min(1).describe('Name of the role.'), organizations: z.array(z.string()).default([]).describe('Organisations of its leaves.') }))
    .min(1)
    .describe('Roles under which leaves are issued: one for each organisation.'),
  policy: z.string().min(1).optional().describe('Name of the policy for whoever runs rotate-ca; without it no policy is looked at.'),
});

type Params = z.infer<typeof params>;

export const setUpIssuer: StepKind<Params> = {
  name: 'set-up-issuer',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight(site, p) {
    // Of a policy it is told only: the operator may have good reasons for more or less.
    return (await examine(site, p)).filter(({ name, state }) => state === 'different' && name !== 'policy').map(unlike);
  },

  async checkpoint(site, p) {
    const absent = (await examine(site, p)).filter(({ state }) => state === 'absent').map(({ name }) => name);
    return { files: [], objects: [], notes: { absent } };
  },

  async apply(site, p) {
    const items = await examine(site, p);
    const absent = items.filter(({ state }) => state === 'absent').map(({ name }) => name);
    for (const { name, difference, remedy } of items) if (name === 'policy' && difference !== '') site.tell(`${difference}. ${remedy}`);
    const unseen = items.filter(({ state }) => state === 'unseen').map(({ name }) => name);
    if (unseen.length > 0) site.tell(`not looked at, for the credential may not: ${unseen.join(', ')}`);
    if (absent.length === 0) {
      site.tell('the issuer has all that it must have: nothing is made');
      return;
    }
    await (await issuerOf(site, p)).create(setupOf(p), absent, { signal: site.signal });
    site.tell(`made at the issuer: ${absent.join(', ')}`);
  },

  async inspect(site, p) {
    return (await examine(site, p)).some(({ state }) => state === 'absent') ? 'absent' : 'present';
  },

  async verify(site, p) {
    return (await examine(site, p)).filter(({ name, state }) => state === 'absent' || (state === 'different' && name !== 'policy')).map(unlike);
  },

  async undo(site, p, checkpoint) {
    const absent = (checkpoint.notes.absent ?? []) as SetupItem['name'][];
    const there = (await examine(site, p)).filter(({ name, state }) => state !== 'absent' && absent.includes(name)).map(({ name }) => name);
    if (there.length > 0) await (await issuerOf(site, p)).remove(setupOf(p), there, { signal: site.signal });
  },
};

function setupOf({ maxTtl, roles, policy }: Params): EngineSetup {
  return { maxTtlMs: maxTtl, roles, ...(policy === undefined ? {} : { policy }) };
}

function issuerOf(site: Site, { roles }: Params): ReturnType<Site['roleIssuer']> {
  return site.roleIssuer(roles.map(({ name }) => name));
}

async function examine(site: Site, p: Params): Promise<SetupItem[]> {
  return (await issuerOf(site, p)).examine(setupOf(p), { signal: site.signal });
}

function unlike({ name, state, difference, remedy }: SetupItem): Failure {
  return failure('vault-refused', {
    target: name,
    summary: state === 'absent' ? `the ${name} is not there` : `the ${name} is not as it must be`,
    cause: state === 'absent' ? 'it was made, and is gone' : difference,
    nextAction: state === 'absent' ? 'Run "rotate-ca resume".' : remedy,
  });
}
