/**
 * Parses server-sent events from a response body.
 * @see [HTML, 9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)
 */

export interface ServerSentEvent {
  /** Id of this event, or of the last event that had one. */
  id: string;
  /** The event's type; `message` if it has none. */
  event: string;
  /** Empty if the event only reports the position in the stream. */
  data: string;
}

/** Expects LF line ends, as the API sends them. Calls `onReceived` for every chunk, including comments. */
export async function* parseEvents(
  body: ReadableStream<Uint8Array>,
  onReceived: () => void,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let buffered = '';
  let id = '';
  for await (const chunk of body) {
    onReceived();
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
      if (data.length > 0 || given !== undefined) {
        yield { id, event: values('event').at(-1) ?? 'message', data: data.join('\n') };
      }
    }
  }
}
