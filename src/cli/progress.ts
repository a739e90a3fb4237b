/** How far a long command is, on stderr: one line that changes on a terminal, else a line every few seconds. */

export interface Progress {
  /** Asked for as often as there is something new; the text is made only when it is shown. */
  show(text: () => string): void;
  /** The last word, on a line of its own. */
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

/** `12,500` */
export function grouped(number: number): string {
  return Math.round(number).toLocaleString('en');
}
