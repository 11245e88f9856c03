/** /var/lib/kubelet/config.yaml, as far as this kubelet follows it; read at its start (R). */

import { parse } from 'yaml';

export interface KubeletConfig {
  /** undefined: no client certificate is accepted. */
  readonly clientCaFile: string | undefined;
  readonly rotateCertificates: boolean;
  readonly serverTlsBootstrap: boolean;
  readonly staticPodPath: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly allowsAnonymous: boolean;
}

interface Shape {
  readonly authentication?: { readonly anonymous?: { readonly enabled?: boolean }; readonly x509?: { readonly clientCAFile?: string } };
  readonly rotateCertificates?: boolean;
  readonly serverTLSBootstrap?: boolean;
  readonly staticPodPath?: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
}

/** Nearly all kubelets of a cluster have the same file, and read it at each start. */
let last: { readonly text: string; readonly shape: Shape } | undefined;

/** Throws an Error if it is not YAML. */
export function readKubeletConfig(text: string): KubeletConfig {
  if (last?.text !== text) last = { text, shape: (parse(text) ?? {}) as Shape };
  const { shape } = last;
  return {
    clientCaFile: shape.authentication?.x509?.clientCAFile || undefined,
    rotateCertificates: shape.rotateCertificates ?? false,
    serverTlsBootstrap: shape.serverTLSBootstrap ?? false,
    staticPodPath: shape.staticPodPath || undefined,
    certificateFile: shape.tlsCertFile || undefined,
    keyFile: shape.tlsPrivateKeyFile || undefined,
    allowsAnonymous: shape.authentication?.anonymous?.enabled ?? false,
  };
}
