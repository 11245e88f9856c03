import { join } from 'node:path';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from '../atomic-file.js';
import { waitFor } from '../deadline.js';
import { succeeds } from '../command.js';
import { putAhead } from '../probes/priority.js';
import { apiEndpoint, type Lab, loadBalancerPort } from '../lab.js';
import { runningPid, startDaemon, stopDaemon } from '../processes.js';

const name = 'haproxy';

/**
 * A server is out after two failed looks at /readyz, a second at most, and back after two good ones. An open port is not
 * enough: an apiserver that listens but has not loaded its RBAC yet answers 403.
 * No `on-marked-down shutdown-sessions`: an apiserver that ends is not ready any more but still finishes what it was
 * asked, and cutting those connections would make failures that nobody else made. A connection that cannot be opened
 * goes to another server (`redispatch`).
 */
function configuration(lab: Lab): string {
  const servers = lab.controlPlanes.map((node) => `  server ${node.name} ${node.ip}:6443`);
  return `global
  log stdout format raw local0 notice

defaults
  mode tcp
  log global
  option redispatch 1
  retries 3
  timeout connect 2s
  timeout check 2s
  timeout client 1h
  timeout server 1h

frontend api
  bind ${apiEndpoint(lab.layout)}
  default_backend control-planes

backend control-planes
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 500ms fall 2 rise 2
${servers.join('\n')}
`;
}

export async function startLoadBalancer(lab: Lab): Promise<boolean> {
  const file = join(lab.paths.root, 'haproxy', 'haproxy.cfg');
  const wanted = configuration(lab);
  const unchanged = existsSync(file) && readFileSync(file, 'utf8') === wanted;
  if (unchanged && runningPid(lab.paths, name) !== undefined) return false;
  await stopDaemon(lab.paths, name);
  mkdirSync(join(lab.paths.root, 'haproxy'), { recursive: true });
  writeFileAtomically(file, wanted, 0o644);
  putAhead(startDaemon(lab.paths, { name, program: 'haproxy', args: ['-db', '-f', file], logFile: join(lab.paths.log, 'haproxy.log') }));
  await waitFor('HAProxy', { timeoutMs: 60_000, everyMs: 50 }, async () => {
    if (runningPid(lab.paths, name) === undefined) return 'it ended, see haproxy.log';
    const probe = `exec 3<>/dev/tcp/${lab.layout.address}/${loadBalancerPort}`;
    return (await succeeds('bash', ['-c', probe])) ? true : 'its port is closed';
  });
  return true;
}
