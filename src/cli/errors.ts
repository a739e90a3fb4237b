/** What a command ends with when it did not succeed; anything else that is thrown is a fault of ours. */

/** It was asked wrongly: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** It was asked rightly and did not work: exit code 1. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
}

/** The API could not be reached; it may be back in a moment. */
export class Unreachable extends CommandFailed {
  override name = 'Unreachable';
}
