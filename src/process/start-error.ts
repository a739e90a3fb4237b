/** Errors that prevent a start and explain themselves. */

/** The message is shown to the operator without a stack trace. */
export class StartError extends Error {
  override name = 'StartError';
}

/** Codes of Node for a host that this machine does not have, or that is no host. */
const NOT_A_HOST = new Set(['ENOTFOUND', 'EADDRNOTAVAIL', 'EINVAL', 'EAI_AGAIN']);

/** The error of a server that cannot listen on a configured host; any other error stays as it is. */
export function asHostError(error: unknown, setting: string, host: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!NOT_A_HOST.has(code)) return error;
  return new StartError(
    `${setting} is "${host}", which is no address of this machine (${code}). Set it to an address or a host name without a port.`,
  );
}
