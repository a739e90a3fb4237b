/**
 * Server-sent events, read from the body of an answer.
 * @see [HTML, 9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)
 */

export interface ServerSentEvent {
  /** Of this event or, if it has none, of the last one before it that had. */
  id: string;
  /** Empty where the event only says where the stream stands. */
  data: string;
}

/** Lines that end with LF, as ours do; `heard` is called with whatever comes, comments included. */
export async function* parseEvents(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let buffered = '';
  let id = '';
  for await (const chunk of body) {
    heard();
    buffered += decoder.decode(chunk, { stream: true });
    const blocks = buffered.split('\n\n');
    buffered = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const values = (name: string) =>
        lines
          .filter((line) => line.startsWith(`${name}: `))
          .map((line) => line.slice(name.length + 2));
      const data = values('data');
      const given = values('id').at(-1);
      if (given !== undefined) id = given;
      if (data.length > 0 || given !== undefined) yield { id, data: data.join('\n') };
    }
  }
}
