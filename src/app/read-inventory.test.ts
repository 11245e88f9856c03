import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failuresOf } from '../domain/errors.js';
import { expandRange } from './ansible-ranges.js';
import { readHosts } from './read-inventory.js';

function refusals(text: string): string[] {
  try {
    readHosts(text, 'hosts.yaml');
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    return failures.map((f) => `${f.code} ${f.target} ${f.summary}`);
  }
  return [];
}

const names = (text: string): string[] => readHosts(text, 'hosts.yaml').map(({ name }) => name);

describe('Ansible inventories', () => {
  it('reads groups, children, ranges and variables of all levels', () => {
    const hosts = readHosts(
      `
all:
  vars: { ansible_user: sre, ansible_become: yes, ansible_ssh_common_args: '-F "/etc/my ssh/config" -o ControlMaster=auto' }
  children:
    control_plane:
      hosts:
        cp[1:2]:
        cp3: { ansible_host: 10.0.0.13, ansible_port: "2222" }
    workers:
      vars: { ansible_user: root }
      children:
        gpu:
      hosts:
        node[08:10]:
          ansible_become: false
gpu:
  hosts:
    gpu1: { ansible_user: ops, ansible_ssh_private_key_file: /keys/gpu, secret: !vault "$ANSIBLE_VAULT;1.1" }
`,
      'hosts.yaml',
    );
    expect(hosts.map(({ name }) => name)).toEqual(['cp1', 'cp2', 'cp3', 'node08', 'node09', 'node10', 'gpu1']);
    expect(hosts[2]).toEqual({ name: 'cp3', sshHost: '10.0.0.13', sshPort: 2222, sshUser: 'sre', sshConfigFile: '/etc/my ssh/config', become: true });
    expect(hosts[3]).toMatchObject({ sshUser: 'root', become: false });
    expect(hosts[6]).toMatchObject({ sshUser: 'ops', become: true, sshIdentityFile: '/keys/gpu' });
  });

  it('takes one host out of several groups, the child group before its parent', () => {
    const text = 'a:\n  children: { b: }\n  vars: { ansible_port: 1 }\n  hosts: { n: }\nb:\n  hosts: { n: }\n  vars: { ansible_port: 2 }\n';
    expect(readHosts(text, 'h')).toEqual([{ name: 'n', sshHost: 'n', sshPort: 2, become: true }]);
  });

  it('reads the JSON of ansible-inventory --list', () => {
    const list = {
      _meta: { hostvars: { w1: { ansible_host: '10.0.0.21', ansible_user: 'root' } } },
      all: { children: ['ungrouped', 'workers'] },
      workers: { hosts: ['w1', 'w2'] },
    };
    expect(readHosts(JSON.stringify(list, null, 4), 'h')).toEqual([
      { name: 'w1', sshHost: '10.0.0.21', sshUser: 'root', become: false },
      { name: 'w2', sshHost: 'w2', become: true },
    ]);
  });

  it.each([
    ['nothing', '', 'hosts.yaml:1:1 the inventory is not a mapping of groups'],
    ['no hosts', 'all:\n  hosts: {}\n', 'the inventory names no hosts'],
    ['INI', '[workers]\nnode1 ansible_host=10.0.0.1\n', 'this is an INI inventory'],
    ['a duplicate host', 'all:\n  hosts:\n    a: {}\n    a: {}\n', 'hosts.yaml:4:5'],
    ['one machine twice', 'all:\n  hosts:\n    a: { ansible_host: 10.0.0.1 }\n    b: { ansible_host: 10.0.0.1 }\n', 'hosts.yaml:4:5 "b" and "a" are the same machine'],
    ['a bad range', 'all:\n  hosts:\n    node[5:1]:\n', 'hosts.yaml:3:5 "node[5:1]" is not a range of hosts'],
    ['a host in place of a group key', 'all:\n  node1: {}\n', 'hosts.yaml:2:'],
    ['an encrypted address', 'all:\n  hosts:\n    a:\n      ansible_host: !vault x\n', 'hosts.yaml:4:28 "ansible_host" of "a" is encrypted'],
    ['a template', 'all:\n  hosts:\n    a: { ansible_host: "{{ ip }}" }\n', '"ansible_host" of "a" is a template'],
    ['a port', 'all:\n  hosts:\n    a: { ansible_port: 70000 }\n', '"70000" is not a port'],
    ['a jump in the arguments', 'all:\n  vars: { ansible_ssh_common_args: "-J bastion" }\n  hosts: { a: }\n', '"-J" in ansible_ssh_common_args'],
    ['no SSH', 'all:\n  hosts:\n    localhost: { ansible_connection: local }\n', 'is not reached over SSH'],
    ['a circle', 'a: { children: { b: } }\nb: { children: { a: }, hosts: { n: } }\n', 'a group contains itself'],
  ])('refuses %s', (_what, text, words) => {
    expect(refusals(text).join('\n')).toContain(words);
    expect(refusals(text)[0]).toMatch(/^inventory-invalid /);
  });
});

describe('our own list', () => {
  it('is read', () => {
    expect(readHosts('apiVersion: rotate-ca/v1\nkind: Hosts\nhosts:\n  - { name: a, ssh: 10.0.0.1, port: 22, user: sre }\n  - { name: b, user: root }\n', 'h')).toEqual([
      { name: 'a', sshHost: '10.0.0.1', sshPort: 22, sshUser: 'sre', become: true },
      { name: 'b', sshHost: 'b', sshUser: 'root', become: false },
    ]);
  });

  it.each([
    ['an unknown key', '  - { name: a, adress: x }\n', 'hosts.yaml:4:16 unknown key "adress"'],
    ['a duplicate node', '  - { name: a }\n  - { name: a, ssh: b }\n', 'hosts.yaml:5:13 node "a" is there twice'],
    ['an empty list', '  []\n', '"hosts" has a wrong value'],
  ])('refuses %s', (_what, hosts, words) => {
    expect(refusals(`apiVersion: rotate-ca/v1\nkind: Hosts\nhosts:\n${hosts}`).join('\n')).toContain(words);
  });
});

describe('ranges', () => {
  it.each([
    ['node[01:03]', ['node01', 'node02', 'node03']],
    ['n[9:11]', ['n9', 'n10', 'n11']],
    ['db-[a:c].x', ['db-a.x', 'db-b.x', 'db-c.x']],
    ['r[1:5:2]', ['r1', 'r3', 'r5']],
    ['r[1:2]n[1:2]', ['r1n1', 'r1n2', 'r2n1', 'r2n2']],
    ['plain', ['plain']],
  ])('%s', (pattern, expected) => {
    expect(expandRange(pattern)).toEqual(expected);
    expect(names(`all:\n  hosts:\n    ${pattern}:\n`)).toEqual(expected);
  });

  it.each(['n[1:999999999]', 'n[1]', 'n[a:5]', 'n[1:2', 'n[1:5:0]', 'n[1:200]x[1:200]'])('%s is refused', (pattern) => {
    expect(expandRange(pattern)).toHaveProperty('wrong');
  });
});

it('never throws anything but a RotationError', () => {
  const word = fc.constantFrom('all', 'hosts', 'children', 'vars', 'a', 'ansible_host', 'ansible_port', '_meta', 'hostvars', 'n[1:2]', '__proto__', 'kind', 'Hosts');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 5 }, fc.constant(null), word, fc.integer(), fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(word, tie('tree'), { maxKeys: 4 })),
  }));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        tree.map((t) => JSON.stringify(t)),
      ),
      (text) => {
        refusals(text);
      },
    ),
    { numRuns: 500 },
  );
});
