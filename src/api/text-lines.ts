/** Lines of a byte stream, as they arrive: what is held is one line, and of that no more than a bound. */

export interface TextLine {
  /** From 1. */
  line: number;
  /** Without its `\n`; `null`: longer than the bound. */
  text: string | null;
}

/** Ends at `\n` alone: the other line separators of Unicode may stand in a JSON string. */
export async function* textLines(
  bytes: AsyncIterable<Uint8Array>,
  charactersMax: number,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder();
  let line = 1;
  let held = '';
  let tooLong = false;
  const hold = (part: string) => {
    if (!tooLong) held += part;
    if (held.length > charactersMax) tooLong = true;
    if (tooLong) held = '';
  };
  for await (const chunk of bytes) {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    hold(first);
    for (const part of others) {
      yield { line, text: tooLong ? null : held };
      line += 1;
      held = '';
      tooLong = false;
      hold(part);
    }
  }
  hold(decoder.decode());
  if (tooLong || held !== '') yield { line, text: tooLong ? null : held };
}
