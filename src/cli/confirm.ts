/** Asks for confirmation before an action that is hard to undo. */
import { createInterface } from 'node:readline/promises';
import { UsageError } from './errors';

/** @throws {UsageError} if standard input is not a terminal */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError(
      'cannot ask for confirmation, because standard input is not a terminal. Use --yes to confirm.',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
