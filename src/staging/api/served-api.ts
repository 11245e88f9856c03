/** What the parts of one API server share, and how its answers look. */

import type { IncomingHttpHeaders } from 'node:http';
import type { StagingContext } from '../component.js';
import type { MemberConnection } from '../etcd/member-connection.js';
import type { StagingNode } from '../node/staging-node.js';
import type { AuditLog } from './audit-log.js';
import type { Authenticator, User } from './authenticate.js';
import type { KubeletAccess } from './kubelet-access.js';
import type { RequestInfo } from './request-info.js';
import { badRequest } from './status.js';
import type { TokenKey } from './service-account-tokens.js';
import type { Store, StoredObject } from './store.js';
import type { WatchHub } from './watch-hub.js';

export interface ServedApi {
  readonly context: StagingContext;
  readonly store: Store;
  readonly node: StagingNode;
  readonly etcd: MemberConnection;
  readonly authenticator: Authenticator;
  readonly verifyKeys: readonly TokenKey[];
  readonly signingKey: TokenKey;
  /** --service-account-issuer: the first signs. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly kubelets: KubeletAccess;
  readonly watches: WatchHub;
  /** Where the flags ask for one. */
  readonly audit: AuditLog | undefined;
  readonly nowMs: () => number;
}

/** One request, with who asks. */
export interface Asked {
  readonly api: ServedApi;
  readonly info: RequestInfo;
  readonly user: User;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `text` is sent as it is; otherwise `body` as JSON. */
export interface Handled {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ok(body: unknown): Handled {
  return { status: 200, body };
}

const whole = new WeakMap<StoredObject, string>();
const asItem = new WeakMap<StoredObject, string>();

/** Stored objects do not change: their text is made once. */
export function jsonOf(object: StoredObject): string {
  const known = whole.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify(object);
  whole.set(object, text);
  return text;
}

/** As an item of a list: without the two fields that say what it is. */
export function itemJson(object: StoredObject): string {
  const known = asItem.get(object);
  if (known !== undefined) return known;
  const { apiVersion: _, kind: __, ...rest } = object;
  const text = JSON.stringify(rest);
  asItem.set(object, text);
  return text;
}

export function jsonBody(asked: Pick<Asked, 'body'>): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(asked.body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type Object): couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  throw badRequest("the object provided is unrecognized (must be of type Object): couldn't get version/kind; json parse error: cannot unmarshal into Go value");
}
