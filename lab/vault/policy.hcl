# All that rotate-ca needs of Vault, for a PKI engine mounted at pki-k8s. With `token_no_default_policy` nothing else is
# allowed. Whether the mount is there and of type pki is read from sys/internal/ui/mounts/pki-k8s, and whether Vault is
# sealed from sys/health: neither needs a grant.

# A new root for each generation; its key leaves Vault once, in this answer.
path "pki-k8s/issuers/generate/root/exported" {
  capabilities = ["create", "update"]
}
path "pki-k8s/root/generate/exported" {
  capabilities = ["create", "update"]
}

# Which issuers there are, to find one that a killed run has made already; a name for the new one.
path "pki-k8s/issuers" {
  capabilities = ["list"]
}
path "pki-k8s/issuers/*" {
  capabilities = ["read", "list"]
}
path "pki-k8s/issuer/*" {
  capabilities = ["read", "update", "delete"]
}

# `rotate-ca finalize` destroys the outgoing key.
path "pki-k8s/keys" {
  capabilities = ["list"]
}
path "pki-k8s/key/*" {
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
