/** What the facts say of one edge. The edge is given by its name alone: nothing is known here of how it was predicted. */

import type { Answer, Tried } from '../prober.js';
import type { ClientSeen, Seen } from './seen.js';

export type Observation = 'hold' | 'break' | 'unseen';

export interface Observed {
  readonly is: Observation;
  /** What it was told by; of what cannot be seen, why. */
  readonly by: string;
}

interface Parts {
  readonly class: string;
  readonly client: string;
  readonly server: string;
  readonly leg: string;
}

export function partsOf(edge: string): Parts {
  const found = /^(\S+) (.+) -> (.+) (server|client|token)$/.exec(edge);
  if (found === null) throw new Error(`not the name of an edge: ${edge}`);
  const [, of = '', client = '', server = '', leg = ''] = found;
  return { class: of, client, server, leg };
}

const holds = (by: string): Observed => ({ is: 'hold', by: short(by) });
const breaks = (by: string): Observed => ({ is: 'break', by: short(by) });
const unseen = (by: string): Observed => ({ is: 'unseen', by: short(by) });

function short(text: string): string {
  return text.replace(/\s+/g, ' ').slice(-160);
}

/** A verifier of a server says this. A peer that refuses us says "remote error". */
const serverRefused = /x509: |failed to verify certificate|tls: first record does not look|tls: handshake failure/;
const clientRefused =
  /Unauthorized|asked for the client to provide credentials|You must be logged in|remote error: tls: (unknown certificate|bad certificate|expired certificate|certificate required|unsupported certificate)/;

export function observe(edge: string, seen: Seen): Observed {
  const parts = partsOf(edge);
  switch (parts.class) {
    case 'E1':
      return parts.leg === 'server' ? etcdByApiServer(seen, parts) : handshake(seen.tries.get('etcd as kube-apiserver'));
    case 'E3':
      return handshake(seen.tries.get('etcd as itself'));
    case 'E4':
      return parts.leg === 'server' ? goClient(seen.tries.get('etcdctl')) : handshake(seen.tries.get('etcd as etcdctl'));
    case 'E5':
    case 'E6':
    case 'E7':
      return parts.leg === 'server' ? serverOf(seen.clients.get(parts.client)) : componentClient(seen, parts);
    case 'E9':
    case 'E25':
      return ofKubeconfig(seen, parts);
    case 'E10':
    case 'E11':
      return ofPod(seen, parts);
    case 'E13':
      return toKubelet(seen, parts);
    case 'E15':
      return aggregated(seen, parts);
    case 'E17':
      return called(seen);
    case 'E20':
      return status(seen.tries.get('scheduler as admin'));
    case 'E27':
      return status(seen.tries.get('engine'));
    case 'K2':
      return answered(seen.answers.get('bound token'));
    case 'K1':
      return token(seen, parts);
    case 'S1':
      return signer(seen);
    default:
      return unseen(`no probe for class ${parts.class}`);
  }
}

/** Of a client that reconnects by itself: a complaint about the server's certificate, or work that went through. */
function serverOf(client: ClientSeen | undefined): Observed {
  if (client === undefined) return unseen('it does not run');
  const complaint = client.complaints.find((line) => serverRefused.test(line) && !/verifying certificate SN=|http: TLS handshake error|remote error/.test(line));
  // What has gone through since the cut has verified the server, whatever was said in between.
  if (client.isThrough) return holds('work went through over a new connection');
  if (complaint !== undefined) return breaks(complaint);
  const refused = client.complaints.find((line) => clientRefused.test(line));
  if (refused !== undefined) return holds(`the server was verified, and then refused: ${refused}`);
  return unseen('it neither complained nor worked');
}

const pathOf: Readonly<Record<string, string>> = { E5: 'controller-manager', E6: 'scheduler', E7: 'kubelet' };

function componentClient(seen: Seen, { class: of, client }: Parts): Observed {
  const itself = seen.clients.get(client);
  if (itself?.isThrough === true) return holds('work went through over a new connection');
  const refused = itself?.complaints.find((line) => clientRefused.test(line) && !/remote error/.test(line));
  if (refused !== undefined) return breaks(refused);
  // The handshake did not get so far: the pair of its kubeconfig is presented in its place.
  const [, node = ''] = client.split('@');
  return status(seen.tries.get(`client ${node} ${pathOf[of] ?? ''}.conf`) ?? seen.tries.get(`client /etc/kubernetes/${pathOf[of] ?? ''}.conf`));
}

/** What curl wrote: `401 message`, then the body. 000: the handshake was ended by the server, or nobody listens. */
function status(tried: Tried | undefined): Observed {
  const [, code, message = ''] = /^(\d{3}) ?(.*)/.exec(tried?.text ?? '') ?? [];
  if (code === undefined) return unseen('it could not be tried');
  if (code === '401') return breaks(`401 ${message}`);
  return code === '000' ? unseen(message) : holds(`HTTP ${code}`);
}

/** Of servers that verify at the handshake. */
function handshake(tried: Tried | undefined): Observed {
  const [, code, message = ''] = /^(\d{3}) ?(.*)/.exec(tried?.text ?? '') ?? [];
  if (code === undefined) return unseen('it could not be tried');
  if (code !== '000') return holds(`HTTP ${code}`);
  return /alert|certificate/i.test(message) ? breaks(message) : unseen(message);
}

function goClient(tried: Tried | undefined): Observed {
  if (tried === undefined) return unseen('it could not be tried');
  if (serverRefused.test(tried.text) && !/remote error/.test(tried.text)) return breaks(tried.text);
  if (/gitVersion|is healthy|Unauthorized|logged in|Forbidden|forbidden|remote error: tls/.test(tried.text)) return holds(tried.text);
  return unseen(tried.text);
}

function ofKubeconfig(seen: Seen, { client, leg }: Parts): Observed {
  if (client === 'joining nodes') return goClient(seen.tries.get('bundle cluster-info'));
  if (client.startsWith('holder ')) return goClient(seen.tries.get(`bundle ${client.slice('holder '.length)}`));
  const path = client.replace(/^kubeconfig [^:]*:/, '');
  return leg === 'server' ? goClient(seen.tries.get(`kubectl ${path}`)) : status(seen.tries.get(`client ${path}`));
}

function ofPod(seen: Seen, { client }: Parts): Observed {
  const asked = seen.tries.get(`asked ${client}`);
  if (asked !== undefined) {
    if (serverRefused.test(asked.text)) return breaks(asked.text);
    return /"status":[1-9]/.test(asked.text) ? holds(asked.text) : unseen(asked.text || 'it did not answer');
  }
  return serverOf(seen.clients.get(client));
}

function toKubelet(seen: Seen, { server, leg }: Parts): Observed {
  const node = server.split('@')[1] ?? '';
  const answer = seen.answers.get(`kubelet ${node}`);
  const text = answer?.body ?? '';
  const isRefusedServer = serverRefused.test(text);
  if (leg === 'server') {
    if (isRefusedServer) return breaks(text);
    if (answer === undefined || answer.status === 0 || /connection refused|EOF|timeout/.test(text)) return unseen(text || 'the API server does not answer');
    return holds(`HTTP ${answer.status}`);
  }
  return status(seen.tries.get(`kubelet ${node} as kube-apiserver`));
}

function aggregated(seen: Seen, { leg }: Parts): Observed {
  const answer = seen.answers.get('apiservice');
  const text = answer?.body ?? '';
  if (leg === 'client') return status(seen.tries.get('wardle as front proxy'));
  // In its own words: those of the extension server about its own calls are of another edge.
  if (serverRefused.test(text) && text.includes('error trying to reach service')) return breaks(text);
  if (answer === undefined || answer.status === 0 || answer.status === 503) return unseen(text || 'the API server does not answer');
  return holds(`HTTP ${answer.status}`);
}

function called(seen: Seen): Observed {
  const answer = seen.answers.get('webhook');
  const text = answer?.body ?? '';
  if (serverRefused.test(text)) return breaks(text);
  return answer?.status === 201 ? holds('an object that it must see was let in') : unseen(text || 'the API server does not answer');
}

function etcdByApiServer(seen: Seen, { client }: Parts): Observed {
  const complaint = seen.clients
    .get(client)
    ?.complaints.find((line) => serverRefused.test(line) && /2379|authentication handshake failed/.test(line) && !/remote error/.test(line));
  const readyz = seen.answers.get('readyz');
  if (readyz !== undefined && /\[\+\]etcd ok/.test(readyz.body)) return holds('readyz says etcd ok');
  return complaint === undefined ? unseen(readyz?.body || 'the API server does not answer') : breaks(complaint);
}

function token(seen: Seen, { client }: Parts): Observed {
  if (!client.includes('legacy-token')) return unseen('its token is not read');
  return answered(seen.answers.get('legacy token'));
}

function answered(answer: Answer | undefined): Observed {
  if (answer === undefined || answer.status === 0) return unseen('the API server does not answer');
  return answer.status === 401 ? breaks('401') : holds(`HTTP ${answer.status}`);
}

function signer(seen: Seen): Observed {
  const tried = seen.tries.get('signed');
  if (tried === undefined || tried.text.startsWith('unasked')) return unseen(tried?.text ?? 'it was not tried');
  if (tried.text !== '') return status(tried);
  const managers = [...seen.clients].filter(([name, { isThrough }]) => name.startsWith('kube-controller-manager@') && isThrough).map(([, client]) => client);
  if (managers.length === 0) return unseen('kube-controller-manager does not get to the API, so its signer cannot be asked');
  // Its controllers come with tokens of their own: one that is refused signs nothing, whatever it would sign with.
  const refused = managers.flatMap(({ complaints }) => complaints).find((line) => line.includes('Unauthorized'));
  return refused === undefined ? breaks('an approved request was not signed') : unseen(`the token of its signer is refused: ${refused}`);
}
