import { setTimeout as sleep } from 'node:timers/promises';
import type { Prober, Tried } from '../prober.js';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

/** Has a client certificate signed, and presents it to the API server: what curl wrote, or why nothing came. */
export async function trySigner(prober: Prober): Promise<Tried> {
  const node = prober.lab.controlPlanes[0]?.name ?? '';
  const folder = '/tmp/proof-signer';
  const made = await prober.on(
    node,
    `umask 077; mkdir -p ${folder}; openssl req -new -newkey rsa:2048 -nodes -keyout ${folder}/key -subj /CN=proof-signed -outform PEM 2>/dev/null`,
  );
  const request = Buffer.from(made.stdout).toString('base64');
  const object = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'proof-' },
    spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 3600 },
  };
  const created = await prober.ask(path, { method: 'POST', body: object });
  if (created.status !== 201) return { code: 1, text: `unasked: ${created.body}` };
  const request2 = JSON.parse(created.body) as { metadata: { name: string }; status?: unknown };
  const { name } = request2.metadata;
  const condition = { type: 'Approved', status: 'True', reason: 'Proof', message: 'asked for by the probes' };
  await prober.ask(`${path}/${name}/approval`, { method: 'PUT', body: { ...request2, status: { conditions: [condition] } } });
  try {
    for (let n = 0; n < 12; n++) {
      const read = JSON.parse((await prober.ask(`${path}/${name}`)).body) as { status?: { certificate?: string } };
      const certificate = read.status?.certificate;
      if (certificate !== undefined) {
        const pem = Buffer.from(certificate, 'base64').toString('utf8');
        const { stdout } = await prober.on(
          node,
          `cat > ${folder}/certificate <<'PEM'\n${pem}\nPEM\ncurl -sk -m 10 --cert ${folder}/certificate --key ${folder}/key -o /dev/null -w '%{http_code} %{errormsg}' ${prober.apiServer}/api; rm -rf ${folder}`,
        );
        return { code: 0, text: stdout };
      }
      await sleep(1_000);
    }
    return { code: 1, text: '' };
  } finally {
    await prober.ask(`${path}/${name}`, { method: 'DELETE' });
  }
}
