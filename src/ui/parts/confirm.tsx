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

interface FieldProps {
  id: string;
  name: string;
  label: string;
  hint?: string;
  required?: boolean;
  value?: string;
  maxLength?: number;
}

/** A text field of a confirmation dialog. */
export function Field({ id, name, label, hint, required = false, value, maxLength }: FieldProps) {
  return (
    <div class="field">
      <label for={id}>
        {label}
        {!required && <span class="muted"> (optional)</span>}
      </label>
      <input
        id={id}
        name={name}
        autocomplete="off"
        {...(required ? { required: true } : {})}
        {...(value === undefined ? {} : { value })}
        {...(maxLength === undefined ? {} : { maxlength: maxLength })}
        {...(hint === undefined ? {} : { 'aria-describedby': `${id}-hint` })}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} class="detail">
          {hint}
        </p>
      )}
    </div>
  );
}
