/** Services on a node: what a start reads, and what comes of a start that fails. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ComponentStart, RunningComponent, StagingContext } from '../component.js';
import { createClock } from '../clock.js';
import { type Bench, makeNodeBench } from '../node/node.test-support.js';
import { createService, type Service } from './service.js';

const clock = createClock(50);
const file = '/etc/systemd/system/agent.service';
const environment = '/etc/agent.env';

let bench: Bench;
let starts: ComponentStart[];
/** What the component does when it starts: throw, or tell when it is ready. */
let behave: (start: ComponentStart) => { ready?: Promise<void> };
let crash: (why: string) => void;

async function component(start: ComponentStart): Promise<RunningComponent> {
  starts.push(start);
  const { ready } = behave(start);
  return {
    ended: new Promise((resolve) => {
      crash = resolve;
    }),
    stop: async () => undefined,
    ...(ready === undefined ? {} : { ready }),
  };
}

function write(service: readonly string[], variables = 'ARGS="--a=1 --b=2"\nAGENT_NAME=x\n'): void {
  bench.node.write(environment, variables);
  bench.node.write(file, ['[Service]', 'ExecStart=/usr/local/bin/agent --first \\', '  $ARGS', `EnvironmentFile=${environment}`, ...service, ''].join('\n'));
}

function made(): Service {
  const context = { clock, log: () => undefined } as unknown as StagingContext;
  const service = createService({ context, node: bench.node, name: 'agent', components: new Map([['agent', component]]) });
  bench.node.unit('agent', service);
  return service;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const shown = async (properties: string): Promise<string> => (await bench.run(`systemctl show -p ${properties} agent`)).stdout;

beforeEach(() => {
  bench = makeNodeBench();
  starts = [];
  behave = () => ({});
});
afterEach(() => bench.close());

describe('a service', () => {
  it('is started with what its files say: arguments, flags, environment, control group', async () => {
    write(['Restart=always']);
    const service = made();
    expect((await bench.run('systemctl start agent')).exitCode).toBe(0);
    const [start] = starts;
    expect(start?.flags).toEqual({ first: 'true', a: '1', b: '2' });
    const proc = `/proc/${service.mainPid()}`;
    const { stdout } = await bench.run(`tr '\\0' ' ' < ${proc}/cmdline; echo; cat ${proc}/cgroup; tr '\\0' '\\n' < ${proc}/environ | grep AGENT`);
    expect(stdout).toBe('/usr/local/bin/agent --first --a=1 --b=2 \n0::/system.slice/agent.service\nAGENT_NAME=x\n');
    expect(await shown('Id,FragmentPath,DropInPaths,EnvironmentFiles,User,NeedDaemonReload,ActiveState,SubState')).toBe(
      `Id=agent.service\nFragmentPath=${file}\nDropInPaths=\nEnvironmentFiles=${environment} (ignore_errors=no)\nUser=\nNeedDaemonReload=no\nActiveState=active\nSubState=running\n`,
    );
  });

  it('shows what it would start with', async () => {
    write(['Environment="A=x y" B=1']);
    made();
    expect(await shown('ExecStart,Environment')).toBe(
      'ExecStart={ path=/usr/local/bin/agent ; argv[]=/usr/local/bin/agent --first $ARGS ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\nEnvironment="A=x y" B=1\n',
    );
  });

  it('reads its environment files at each start, its unit file at daemon-reload', async () => {
    write([]);
    made();
    await bench.run('systemctl start agent');
    write(['Environment=LATER=1', 'User=etcd'], 'ARGS=--a=2\n');
    bench.node.write('/etc/passwd', 'root:x:0:0::/:/bin/sh\netcd:x:960:960::/:/bin/false\n');
    const warned = await bench.run('systemctl restart agent');
    expect(warned.stderr).toContain("agent.service changed on disk. Run 'systemctl daemon-reload' to reload units.");
    expect(starts.at(-1)?.flags).toEqual({ first: 'true', a: '2' });
    expect(await shown('NeedDaemonReload,User')).toBe('NeedDaemonReload=yes\nUser=\n');
    expect((await bench.run('systemctl daemon-reload && systemctl restart agent')).stderr).toBe('');
    expect(await shown('NeedDaemonReload,User')).toBe('NeedDaemonReload=no\nUser=etcd\n');
  });

  it('reads files as its user may', async () => {
    bench.node.write('/etc/passwd', 'root:x:0:0::/:/bin/sh\netcd:x:960:960::/:/bin/false\n');
    bench.node.write('/etc/own.key', 'own', { mode: 0o600, owner: 960 });
    bench.node.write('/etc/root.key', 'root', { mode: 0o600 });
    write(['User=etcd']);
    made();
    await bench.run('systemctl start agent');
    const [start] = starts;
    expect(String(start?.process.read('/etc/own.key'))).toBe('own');
    expect(start?.process.read('/etc/none')).toBeUndefined();
    expect(() => start?.process.read('/etc/root.key')).toThrow('open /etc/root.key: permission denied');
    await bench.run('chown 960:960 /etc/root.key');
    expect(String(start?.process.read('/etc/root.key'))).toBe('root');
  });

  it('comes again after RestartSec when it has ended, with what its files say then', async () => {
    write(['Restart=always', 'RestartSec=5']);
    const service = made();
    await service.start();
    await until(() => starts.length === 1);
    bench.node.write(environment, 'ARGS=--a=3\n');
    crash('it has met trouble');
    await until(() => service.facts?.().subState === 'auto-restart');
    expect((await bench.run('systemctl is-active agent')).stdout).toMatch(/^activ(ating|e)\n$/);
    await until(() => starts.length === 2);
    expect(starts.at(-1)?.flags.a).toBe('3');
    expect(await shown('NRestarts')).toBe('NRestarts=1\n');
    expect((await bench.run('journalctl -u agent')).stdout).toContain('it has met trouble');
  });

  it.each([
    ['Restart=no', 'failed', 'failed'],
    ['Restart=always', 'activating', 'auto-restart'],
  ])('with %s it is %s after a start with a bad file', async (restart, active, sub) => {
    write([restart, 'RestartSec=500']);
    behave = () => {
      throw new Error('open /etc/none: no such file or directory');
    };
    const service = made();
    // Type=simple: the process was there.
    expect((await bench.run('systemctl start agent')).exitCode).toBe(0);
    await until(() => service.facts?.().subState === sub);
    expect(await shown('ActiveState,SubState,MainPID')).toBe(`ActiveState=${active}\nSubState=${sub}\nMainPID=0\n`);
    expect((await bench.run('systemctl stop agent; systemctl is-active agent')).stdout).toBe('inactive\n');
  });

  it('does not start without an environment file that must be there', async () => {
    write(['EnvironmentFile=-/etc/may-be-missing.env', 'EnvironmentFile=/etc/none.env']);
    made();
    const answer = await bench.run('systemctl start agent');
    expect(answer).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Job for agent.service failed because of unavailable resources or another system error.') as string,
    });
    expect(starts).toEqual([]);
  });

  it('that tells when it is ready is waited for; one that ends before has failed', async () => {
    write(['Type=notify']);
    let ready = (): void => undefined;
    behave = () => ({ ready: new Promise<void>((resolve) => (ready = resolve)) });
    const service = made();
    const started = bench.run('systemctl start agent');
    await until(() => starts.length === 1);
    expect(await shown('ActiveState,SubState')).toBe('ActiveState=activating\nSubState=start\n');
    ready();
    expect((await started).exitCode).toBe(0);
    expect(service.facts?.().activeState).toBe('active');
    await service.stop();
    const again = bench.run('systemctl start agent');
    await until(() => starts.length === 2);
    crash('no quorum');
    expect((await again).stderr).toContain('failed because the control process exited with error code');
  });

  it('that is not ready in time has failed', async () => {
    write(['Type=notify', 'TimeoutStartSec=2']);
    behave = () => ({ ready: new Promise<void>(() => undefined) });
    made();
    expect((await bench.run('systemctl start agent')).stderr).toContain('failed because a timeout was exceeded');
  });
});
