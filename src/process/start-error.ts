/** Errors that prevent a start and explain themselves. */

/** A reason not to start, in a sentence; shown without a stack trace. */
export class StartError extends Error {
  override name = 'StartError';
}
