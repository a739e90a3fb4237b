/** A secret that only this response contains, with a button that copies it. */
import type { PropsWithChildren } from 'hono/jsx';
import { Copyable } from './copy';

/** @param children say where the secret belongs */
export function SecretOnce({
  label,
  secret,
  children,
}: PropsWithChildren<{ label: string; secret: string }>) {
  return (
    <div class="notice good secret-once" role="status">
      <p>
        {children} <strong>Save it now: it is not shown again.</strong>
      </p>
      <p>
        <Copyable text={secret} of={label} />
      </p>
    </div>
  );
}
