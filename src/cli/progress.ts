/** Shows the progress of a long command on stderr: one updated line on a terminal, otherwise one every few seconds. */

export interface Progress {
  /** May be called on every change; calls `text` only if it prints. */
  show(text: () => string): void;
  /** Prints the final text on its own line. */
  end(text: string): void;
}

const ON_TERMINAL_EVERY_MS = 200;
const ELSEWHERE_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\u001b[K';

export function createProgress(
  stderr: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>,
  now: () => number = () => performance.now(),
): Progress {
  const everyMs = stderr.isTTY ? ON_TERMINAL_EVERY_MS : ELSEWHERE_EVERY_MS;
  let shownAt = now();
  return {
    show(text) {
      if (now() - shownAt < everyMs) return;
      shownAt = now();
      stderr.write(stderr.isTTY ? `${CLEAR_LINE}${text()}` : `${text()}\n`);
    },
    end(text) {
      stderr.write(stderr.isTTY ? `${CLEAR_LINE}${text}\n` : `${text}\n`);
    },
  };
}

/** Formats a number as `12,500`. */
export function grouped(number: number): string {
  return Math.round(number).toLocaleString('en');
}
