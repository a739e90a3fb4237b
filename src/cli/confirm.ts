/** Asks for confirmation before an action that is hard to undo. */
import { createInterface } from 'node:readline/promises';
import { UsageError } from './errors';

/** @throws {UsageError} if standard input is not a terminal */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError(
      '--yes is needed where nobody can be asked (standard input is no terminal)',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
