/** What is handed to those who would fail without the outgoing CA: bundles, kubeconfigs without a credential, and a page for each. Pure. */

import { stringify } from 'yaml';
import type { Holder } from './holders.js';

export interface HandoffInput {
  readonly run: string;
  readonly server: string;
  /** PEM. */
  readonly outgoing: string;
  readonly incoming: string;
  readonly holders: readonly Holder[];
}

export interface HandoffFile {
  /** Relative. */
  readonly path: string;
  readonly text: string;
}

/** Holders that can be handed something: those who are out of reach. */
export function handoffFiles({ run, server, outgoing, incoming, holders }: HandoffInput): HandoffFile[] {
  const both = `${outgoing.trimEnd()}\n${incoming.trimEnd()}\n`;
  const asked = holders.filter(({ asksAck }) => asksAck);
  return [
    { path: 'bundle-transitional.pem', text: both },
    { path: 'bundle-final.pem', text: `${incoming.trimEnd()}\n` },
    { path: 'kubeconfig-transitional.yaml', text: kubeconfig(server, both) },
    { path: 'kubeconfig-final.yaml', text: kubeconfig(server, `${incoming.trimEnd()}\n`) },
    ...pages(asked, run),
  ];
}

/** Names that come to the same as file names get a number: no page may take the place of another. Not all file systems tell upper case from lower. */
function pages(holders: readonly Holder[], run: string): HandoffFile[] {
  const taken = new Set<string>();
  return holders.map((holder) => {
    const name = fileName(holder.id);
    let free = name;
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}-${n}`;
    taken.add(free.toLowerCase());
    return { path: `holders/${free}.md`, text: page(holder, run) };
  });
}

/** The key of a holder is its own, and stays with it: the user has a certificate and key in files that the holder puts beside. */
function kubeconfig(server: string, bundle: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'handed-over',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority-data': Buffer.from(bundle, 'utf8').toString('base64') } }],
    users: [{ name: 'holder', user: { 'client-certificate': 'client.crt', 'client-key': 'client.key' } }],
    contexts: [{ name: 'handed-over', context: { cluster: 'cluster', user: 'holder' } }],
  });
}

/** Names come from an audit log: whatever stands in them, they become one line of text and no link. */
function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/[`<>[\]|]/g, '?');
}

function fileName(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9._@-]+/g, '-').replace(/^[.-]+/, '') || 'holder';
}

function page({ id, who, why, userAgents, addresses, lastSeenMs }: Holder, run: string): string {
  const quoted = plain(who).replaceAll("'", "'\\''").replaceAll('/', '\\/');
  return `# ${plain(id)}

${plain(why)}.

- user: \`${plain(who)}\`
- seen from: ${addresses.map(plain).join(', ') || 'unknown'}
- with: ${userAgents.map(plain).join(', ') || 'unknown'}
- last seen: ${lastSeenMs === undefined ? 'unknown' : new Date(lastSeenMs).toISOString()}

## What the holder does

1. Now: trust both CAs. Put \`bundle-transitional.pem\` where the CA of the cluster is kept, or use \`kubeconfig-transitional.yaml\`.
2. Once the incoming CA signs (after the gate \`signer-switch\`): make a new key and have it certified. The key stays with the holder.

   \`\`\`
   openssl req -new -newkey rsa:3072 -nodes -keyout client.key -out client.csr -subj '/CN=${quoted}'
   kubectl apply -f - <<END
   apiVersion: certificates.k8s.io/v1
   kind: CertificateSigningRequest
   metadata: {name: handoff-NAME}
   spec:
     signerName: kubernetes.io/kube-apiserver-client
     usages: [client auth]
     request: $(base64 -w 0 client.csr)
   END
   kubectl certificate approve handoff-NAME
   kubectl get csr handoff-NAME -o jsonpath='{.status.certificate}' | base64 -d > client.crt
   \`\`\`

   Groups, if the certificate of before had some, are added to the subject: \`/O=GROUP\`. Put \`client.crt\` and \`client.key\` beside the kubeconfig.
3. After the run has ended: trust the incoming CA alone (\`bundle-final.pem\`, \`kubeconfig-final.yaml\`).

Done until step 2: \`rotate-ca handoff ${run} --ack '${plain(id).replaceAll("'", '')}'\`
`;
}
