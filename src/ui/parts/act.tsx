/** A form that acts in place. The response is a notice, or a page if scripts are off. */
import type { PropsWithChildren } from 'hono/jsx';

export function Act({ action, id, children }: PropsWithChildren<{ action: string; id?: string }>) {
  return (
    <form
      method="post"
      action={action}
      hx-post={action}
      hx-target="#notices"
      hx-disable="find button:not([type])"
      {...(id === undefined ? {} : { id })}
    >
      {/* A script puts the message of a refusal here if the form stands in a dialog, which covers the page. */}
      <div class="form-problem" />
      {children}
    </form>
  );
}
