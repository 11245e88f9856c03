import { describe, expect, it } from 'vitest';
import { takeLayout } from './take-layout.js';

const take = (line: string): string => {
  const [command, ...args] = line.split(' ');
  const { layout, rest } = takeLayout(command, args);
  return [layout, ...rest].join(' ');
};

describe('layout and release on the command line', () => {
  it.each([
    ['up', 'kubeadm'],
    ['up --workers 1', 'kubeadm --workers 1'],
    ['up --layout hard-way --workers 1', 'hard-way --workers 1'],
    ['down --all --layout=proof', 'proof --all'],
    ['up --kubernetes 1.30', 'kubeadm-1.30'],
    ['up --kubernetes=v1.30.14 --workers 1', 'kubeadm-1.30 --workers 1'],
    ['up --kubernetes 1.34', 'kubeadm'],
    ['up --kubernetes 1.34.4 --layout proof', 'proof'],
    ['up --layout kubeadm-1.30 --kubernetes 1.30', 'kubeadm-1.30'],
    ['ssh --kubernetes 1.30 cp130-1 ls --layout x', 'kubeadm-1.30 cp130-1 ls --layout x'],
    ['ssh --kubernetes 1.34 --layout proof pcp1', 'proof pcp1'],
    ['ssh --layout proof --kubernetes 1.34 pcp1', 'proof pcp1'],
    ['ssh cp1 kubectl --kubernetes 1.30', 'kubeadm cp1 kubectl --kubernetes 1.30'],
  ])('%s: %s', (line, expected) => {
    expect(take(line)).toBe(expected);
  });

  it.each([
    ['up --kubernetes 1.31', '--kubernetes: the lab has no release "1.31". Did you mean "1.34"? There are: 1.34 (v1.34.4), 1.30 (v1.30.14)'],
    ['up --kubernetes 2', '--kubernetes: the lab has no release "2". There are: 1.34 (v1.34.4), 1.30 (v1.30.14)'],
    ['up --kubernetes', '--kubernetes: the lab has no release "". There are: 1.34 (v1.34.4), 1.30 (v1.30.14)'],
    ['up --layout hardway', '--layout: no layout "hardway". Did you mean "hard-way"? There are: kubeadm, hard-way, hard-way-pods, proof, kubeadm-1.30'],
    ['up --layout hard-way --kubernetes 1.30', '--kubernetes: layout hard-way is of release 1.34'],
  ])('%s is refused', (line, message) => {
    expect(() => take(line)).toThrow(message);
  });
});
