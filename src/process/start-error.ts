/** Errors that prevent a start and explain themselves. */

/** The message is shown to the operator without a stack trace. */
export class StartError extends Error {
  override name = 'StartError';
}
