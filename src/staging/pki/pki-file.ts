/** A file or link that kubeadm leaves on a node. */

export type PkiFile = { readonly path: string; readonly text: string; readonly mode: number; readonly owner?: number } | { readonly path: string; readonly linkTo: string };
