/** The errors of a command that the user sees without a stack trace. Any other error is a bug. */

/** The command was used incorrectly: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The command was correct but failed: exit code 1. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
}

/** The API could not be reached. A retry may succeed. */
export class Unreachable extends CommandFailed {
  override name = 'Unreachable';
}
