/** A secret that only this response contains, with a button that copies it. */
import type { PropsWithChildren } from 'hono/jsx';

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
      <p class="copyable">
        <code id="secret">{secret}</code>
        {/* A script shows the button, because it cannot work without one. */}
        <button type="button" hidden data-copies="secret">
          Copy<span class="hidden"> {label}</span>
        </button>
      </p>
    </div>
  );
}
