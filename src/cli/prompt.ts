/** Asks for text on a terminal. The questions go to stderr, so that stdout has only results. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

type Terminal = Pick<NodeJS.ReadStream, 'isTTY'> & NodeJS.ReadableStream;

export async function askText(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}

/** Asks for a secret: the terminal shows nothing of the answer. */
export async function askHidden(
  question: string,
  input: Terminal = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  output.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  // With `terminal`, readline switches off the echo and writes what it would echo to `silent`.
  const terminal = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  // Ctrl-C and Ctrl-D end the command, as they do elsewhere.
  terminal.once('SIGINT', () => process.exit(130));
  try {
    return await Promise.race([
      terminal.question(''),
      new Promise<string>((resolve) => terminal.once('close', () => resolve(''))),
    ]);
  } finally {
    terminal.close();
    output.write('\n');
  }
}

/** Reads standard input to its end. */
export async function readLine(): Promise<string> {
  return text(process.stdin);
}
