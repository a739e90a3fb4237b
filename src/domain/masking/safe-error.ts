/** Reduces an error to its name and stack for the log, because messages of libraries may quote values and bodies. */

export interface SafeError {
  name: string;
  at: string[];
}

const FRAMES_MAX = 8;

export function safeError(error: unknown): SafeError {
  if (!(error instanceof Error)) return { name: typeof error, at: [] };
  const { name, message, stack = '' } = error;
  // The stack begins with the message, whose lines could look like frames.
  const start = stack.indexOf(message);
  const frames = (start < 0 ? stack : stack.slice(start + message.length)).split('\n');
  const at = frames.map((line) => line.trim()).filter((line) => line.startsWith('at '));
  return { name, at: at.slice(0, FRAMES_MAX) };
}
