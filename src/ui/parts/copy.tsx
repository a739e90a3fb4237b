/** Texts to copy: ids, fingerprints, addresses and commands. The script copies and announces; without scripts the button is hidden. */
import type { PropsWithChildren } from 'hono/jsx';

interface CopyProps {
  text: string;
  /** The name of the text, for screen readers, such as `the id`. */
  of: string;
}

export function CopyButton({ text, of, children }: PropsWithChildren<CopyProps>) {
  return (
    <button
      type="button"
      class={children === undefined ? 'copy icon' : 'copy'}
      data-copy={text}
      aria-label={`Copy ${of}`}
      title={`Copy ${of}`}
    >
      {children}
    </button>
  );
}

/** A text in the font of code, with its button. */
export function Copyable({ text, of }: CopyProps) {
  return (
    <span class="copyable">
      <code>{text}</code>
      <CopyButton text={text} of={of} />
    </span>
  );
}
