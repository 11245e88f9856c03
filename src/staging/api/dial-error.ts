/** What Go says when it cannot connect. */

/** Dial errors as Go's net package words them. */
export function dialError(error: NodeJS.ErrnoException, at: { readonly hostname: string; readonly port: string }): string {
  const where = `${at.hostname}:${at.port === '' ? '443' : at.port}`;
  if (error.code === 'ECONNREFUSED') return `dial tcp ${where}: connect: connection refused`;
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return `dial tcp: lookup ${at.hostname}: no such host`;
  if (error.code === 'ECONNRESET') return 'EOF';
  return error.message;
}
