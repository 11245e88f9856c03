/** The audit log of an API server: one event of audit.k8s.io/v1 a line, as the real one writes them at level Metadata (apiserver pkg/audit, plugin/pkg/audit/log). */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ComponentStart } from '../component.js';
import type { User } from './authenticate.js';
import { type AuditStage, auditLevel, readAuditPolicy } from './audit-policy.js';
import { readFile } from './cert-files.js';
import type { RequestInfo } from './request-info.js';

export interface AuditedRequest {
  readonly request: IncomingMessage;
  readonly info: RequestInfo;
  /** undefined: its credential was refused. */
  readonly user: User | undefined;
}

/** Writes the events of one request. Bodies and annotations are left out at every level: nobody here reads them. */
export interface Audited {
  write(stage: AuditStage, status?: number): void;
}

export interface AuditLog {
  begin(asked: AuditedRequest): Audited;
}

const silent: Audited = { write: () => undefined };
/** Of the user agent (apiserver pkg/audit/request.go). */
const longestAgent = 1024;

/**
 * undefined: none is written. Flags as the real ones: without `--audit-policy-file` there are no events either (apiserver pkg/server/options/audit.go).
 * Written into the file system of the server's container. Throws with the line that the real one ends with when the policy cannot be read.
 */
export function openAuditLog({ context, process, flags, log }: ComponentStart, nowMs: () => number): AuditLog | undefined {
  const path = flags['audit-log-path'] ?? '';
  if (path === '') return undefined;
  const policyPath = flags['audit-policy-file'] ?? '';
  if (policyPath === '') {
    log('"No audit policy file provided, no events will be recorded for log backend"');
    return undefined;
  }
  const policy = readAuditPolicy(readFile(process, policyPath).toString('utf8'), policyPath);
  return {
    begin({ request, info, user }) {
      const { level, omitStages } = auditLevel(policy, info, user);
      if (level === 'None') return silent;
      // What comes through a side door of this machine comes from the load balancer: in TCP mode its address is all that a server sees.
      const sourceIPs = sourcesOf(request, request.socket.remoteAddress ?? context.spec.loadBalancer.address);
      const received = micro(nowMs());
      const common = {
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level,
        auditID: randomUUID(),
      };
      const agent = request.headers['user-agent']?.slice(0, longestAgent);
      const about = {
        requestURI: request.url ?? '/',
        verb: info.verb,
        user: user === undefined ? {} : { username: user.name, uid: user.uid, groups: user.groups, extra: user.extra },
        sourceIPs,
        userAgent: agent,
        objectRef: info.isResource ? referenceTo(info) : undefined,
      };
      return {
        write(stage, status) {
          if (omitStages.has(stage)) return;
          const event = {
            ...common,
            stage,
            ...about,
            ...(status === undefined ? {} : { responseStatus: { metadata: {}, code: status } }),
            requestReceivedTimestamp: received,
            stageTimestamp: micro(nowMs()),
          };
          try {
            process.append(path, `${JSON.stringify(event)}\n`);
          } catch (error) {
            context.log(`audit log ${path}: ${error instanceof Error ? error.message : String(error)}`);
          }
        },
      };
    },
  };
}

function referenceTo({ resource, namespace, name, group, version, subresource }: RequestInfo): Readonly<Record<string, string>> {
  const all = { resource, namespace, name, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

/** k8s.io/apimachinery pkg/util/net SourceIPs: what proxies say, then who is connected. */
function sourcesOf({ headers }: IncomingMessage, remote: string): string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? headers['x-real-ip'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => isIP(one) !== 0);
  return [...new Set([...forwarded, remote.replace(/^::ffff:/, '')])];
}

/** metav1.MicroTime. */
function micro(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
