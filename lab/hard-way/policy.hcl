# All that rotate-ca needs of Vault where the cluster's CA is in a PKI engine mounted at pki_k8s and its key never leaves
# it. With `token_no_default_policy` nothing else is allowed. Whether the mount is there and of type pki is read from
# sys/internal/ui/mounts/pki_k8s, and whether Vault is sealed from sys/health: neither needs a grant.

# A new root for each generation.
path "pki_k8s/issuers/generate/root/internal" {
  capabilities = ["create", "update"]
}
path "pki_k8s/root/generate/internal" {
  capabilities = ["create", "update"]
}

# Which issuers there are, to find one that a killed run has made already; a name for the new one.
path "pki_k8s/issuers" {
  capabilities = ["list"]
}
path "pki_k8s/issuers/*" {
  capabilities = ["read", "list"]
}
path "pki_k8s/issuer/*" {
  capabilities = ["read", "update", "delete"]
}

# What a role can issue is read before anything is issued; leaves are issued by one issuer, `issuer/ID/issue/ROLE` above.
path "pki_k8s/roles" {
  capabilities = ["list"]
}
path "pki_k8s/roles/*" {
  capabilities = ["read"]
}

# `rotate-ca finalize` destroys the outgoing key.
path "pki_k8s/keys" {
  capabilities = ["list"]
}
path "pki_k8s/key/*" {
  capabilities = ["read", "update", "delete"]
}

# Its own token: how long it lives, more time for a long run, an early end; and what it may do, asked before anything changes.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
