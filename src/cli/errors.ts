/** The errors of a command that the user sees without a stack trace. Any other error is a bug. */

/** The command was used incorrectly: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The arguments are not those of a command. */
export class WrongUsage extends UsageError {
  override name = 'WrongUsage';
  /** The words of the command that the user called, beginning with `evergrant`. */
  readonly path: string;
  /** Printed after the error. Without it, the error names the help. */
  readonly help: string | null;

  constructor(message: string, path: string, help: string | null = null) {
    super(message);
    this.path = path;
    this.help = help;
  }
}

/** The command was correct but failed: exit code 1. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
  /** The API's error code, such as `not_found`. `null`: the failure has none. */
  readonly code: string | null;

  constructor(message: string, code: string | null = null) {
    super(message);
    this.code = code;
  }
}

/** The API could not be reached. A retry may succeed. */
export class Unreachable extends CommandFailed {
  override name = 'Unreachable';
}
