/** Errors that prevent a start and explain themselves. */

/** The message is shown to the operator without a stack trace. */
export class StartError extends Error {
  override name = 'StartError';
}

/** Codes of Node for a text that is not a host, or for an address of another machine. */
const NOT_A_HOST = new Set(['ENOTFOUND', 'EADDRNOTAVAIL', 'EINVAL', 'EAI_AGAIN']);

/** The error of a server that cannot listen on a configured host; any other error stays as it is. */
export function asHostError(error: unknown, setting: string, host: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!NOT_A_HOST.has(code)) return error;
  return new StartError(
    `${setting} is "${host}", which is not an address of this machine (${code}). Set it to an address or a host name without a port.`,
  );
}
