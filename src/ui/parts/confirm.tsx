/** A confirmation dialog with a form, which a button opens without a script. */
import type { PropsWithChildren } from 'hono/jsx';

export interface ConfirmProps {
  /** The dialog's id, by which {@link ConfirmButton} opens it. */
  id: string;
  title: string;
  /** The form's target. */
  action: string;
  /** The label of the submit button. */
  submit: string;
  danger?: boolean;
}

/** The dialog; `children` describe the effect and hold the form's fields. */
export function Confirm(props: PropsWithChildren<ConfirmProps>) {
  const { id, title, action, submit, danger = false, children } = props;
  return (
    <dialog id={id} class="confirm" aria-labelledby={`${id}-title`}>
      <form method="post" action={action}>
        <h2 id={`${id}-title`}>{title}</h2>
        {children}
        <div class="confirm-buttons">
          <button type="button" command="close" commandfor={id}>
            Cancel
          </button>
          <button class={danger ? 'danger' : 'primary'}>{submit}</button>
        </div>
      </form>
    </dialog>
  );
}

interface ConfirmButtonProps {
  opens: string;
  /** The object of the action, for screen readers. */
  of: string;
  danger?: boolean;
}

export function ConfirmButton(props: PropsWithChildren<ConfirmButtonProps>) {
  const { opens, of, danger = false, children } = props;
  return (
    <button
      type="button"
      command="show-modal"
      commandfor={opens}
      {...(danger ? { class: 'danger' } : {})}
    >
      {children}
      <span class="hidden"> {of}</span>
    </button>
  );
}
