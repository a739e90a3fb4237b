/** An error as it may be logged: messages of drivers and libraries quote values and bodies, so only name and place. */

export interface SafeError {
  name: string;
  /** The first frames of the stack. */
  at: string[];
}

const FRAMES_MAX = 8;

export function safeError(error: unknown): SafeError {
  if (!(error instanceof Error)) return { name: typeof error, at: [] };
  const { name, message, stack = '' } = error;
  // The stack begins with the message, whose own lines could look like frames.
  const start = stack.indexOf(message);
  const frames = (start < 0 ? stack : stack.slice(start + message.length)).split('\n');
  const at = frames.map((line) => line.trim()).filter((line) => line.startsWith('at '));
  return { name, at: at.slice(0, FRAMES_MAX) };
}
