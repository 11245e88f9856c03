/**
 * Who did what with which credential: at level Metadata each event carries
 * user.extra["authentication.kubernetes.io/credential-id"]. Reads of the health endpoints come twice a second from
 * each load balancer and probe, and would drown the rest.
 */
export const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    verbs: [get]
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
  - level: Metadata
`;
