/** A submitted form of any page once more: to correct it, to send it again, or to confirm it. */
import type { PropsWithChildren } from 'hono/jsx';
import type { FormState } from '../form';
import { fieldOf } from '../form-fields';
import { Field, FileField, Form, Hidden, SecretField } from './form';

interface SubmittedFormProps {
  action: string;
  /** The submitted fields. */
  names: readonly string[];
  state: FormState;
  submit: string;
  back: string;
  danger?: boolean;
  /** Nothing is to be corrected, so that all fields but secrets and files are sent unchanged. */
  isKept?: boolean;
}

export function SubmittedForm(props: PropsWithChildren<SubmittedFormProps>) {
  const { action, names, state, submit, back, danger = false, isKept = false } = props;
  return (
    <Form
      action={action}
      state={state}
      submit={submit}
      back={back}
      danger={danger}
      hasFile={names.some((name) => fieldOf(name).kind === 'file')}
    >
      {props.children}
      {names.map((name) => {
        const { label, kind } = fieldOf(name);
        const field = { name, label, state, required: true };
        if (kind === 'secret') return <SecretField {...field} />;
        if (kind === 'file') return <FileField {...field} accept="" />;
        return kind === 'kept' || isKept ? (
          <Hidden name={name} values={state.values[name] ?? []} />
        ) : (
          <Field {...field} required={state.values[name]?.[0] !== ''} />
        );
      })}
    </Form>
  );
}
