/** The parts of every form: fields with label, hint and problem, and the frame with its buttons. */
import type { PropsWithChildren } from 'hono/jsx';
import { EMPTY_FORM, type FormState } from '../form';
import { Notice } from './notice';

interface FormProps {
  action: string;
  state?: FormState;
  /** Absent: the person may only read the form. */
  submit?: string;
  danger?: boolean;
  /** The page to which a person returns without sending. */
  back?: string;
  /** The form sends a file. */
  hasFile?: boolean;
  /** Buttons outside of the form refer to it by its id. */
  id?: string;
  /** With scripts, the response replaces the content of this element, and the form stays. */
  target?: string;
}

/** A form on a separate page. */
export function Form(props: PropsWithChildren<FormProps>) {
  const {
    action,
    state = EMPTY_FORM,
    submit,
    danger = false,
    back,
    hasFile = false,
    id,
    target,
  } = props;
  const { problem, problems } = state;
  return (
    <form
      method="post"
      action={action}
      class="form"
      {...(id === undefined ? {} : { id })}
      {...(hasFile ? { enctype: 'multipart/form-data' } : {})}
      {...(target === undefined
        ? {}
        : { 'hx-post': action, 'hx-target': target, 'hx-config': '{"timeout": 0}' })}
    >
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      {problem === null && problems.size > 0 && (
        <Notice kind="bad">Nothing was changed. Correct the marked fields and send again.</Notice>
      )}
      {props.children}
      {submit !== undefined && (
        <div class="form-buttons">
          <button class={danger ? 'danger' : 'primary'}>{submit}</button>
          {back !== undefined && (
            <a class="button" href={back}>
              Cancel
            </a>
          )}
        </div>
      )}
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  /** Default: the name. Must be unique on the page. */
  id?: string;
  hint?: string;
  required?: boolean;
  disabled?: boolean;
  state?: FormState;
}

/** The label, the hint and the problem around an input. */
function Frame(props: PropsWithChildren<FieldProps>) {
  const { name, label, id = name, hint, required = false, state = EMPTY_FORM } = props;
  return (
    <div class="field">
      <label for={id}>
        {label}
        {!required && <span class="muted"> (optional)</span>}
      </label>
      {props.children}
      <Hint id={id} hint={hint} problem={state.problems.get(name)} />
    </div>
  );
}

function Hint({
  id,
  hint,
  problem,
}: {
  id: string;
  hint: string | undefined;
  problem: string | undefined;
}) {
  return (
    <>
      {problem !== undefined && (
        <p id={`${id}-problem`} class="problem">
          {problem}
        </p>
      )}
      {hint !== undefined && (
        <p id={`${id}-hint`} class="detail">
          {hint}
        </p>
      )}
    </>
  );
}

function attributesOf(props: FieldProps) {
  const { name, id = name, hint, required = false, disabled = false, state = EMPTY_FORM } = props;
  const isRefused = state.problems.has(name);
  const described = [isRefused && `${id}-problem`, hint !== undefined && `${id}-hint`].filter(
    (one) => one !== false,
  );
  return {
    id,
    name,
    ...(required ? { required: true } : {}),
    ...(disabled ? { disabled: true } : {}),
    ...(isRefused ? { 'aria-invalid': 'true' as const } : {}),
    ...(described.length === 0 ? {} : { 'aria-describedby': described.join(' ') }),
  };
}

interface TextProps extends FieldProps {
  /** The value before anything was typed. */
  value?: string;
  maxLength?: number;
  placeholder?: string;
  type?: 'text' | 'email' | 'url';
}

export function Field(props: TextProps) {
  const { name, state = EMPTY_FORM, value, maxLength, placeholder, type = 'text' } = props;
  const shown = state.values[name]?.at(-1) ?? value;
  return (
    <Frame {...props}>
      <input
        {...attributesOf(props)}
        type={type}
        autocomplete="off"
        {...(shown === undefined ? {} : { value: shown })}
        {...(maxLength === undefined ? {} : { maxlength: maxLength })}
        {...(placeholder === undefined ? {} : { placeholder })}
      />
    </Frame>
  );
}

/** Several lines. */
export function TextArea(props: TextProps & { rows?: number }) {
  const { name, state = EMPTY_FORM, value = '', rows = 3 } = props;
  return (
    <Frame {...props}>
      <textarea {...attributesOf(props)} rows={rows} spellcheck={false} autocomplete="off">
        {state.values[name]?.at(-1) ?? value}
      </textarea>
    </Frame>
  );
}

/** A token or key. Its value is never sent back to the browser. */
export function SecretField(props: FieldProps) {
  return (
    <Frame {...props}>
      <input {...attributesOf(props)} type="password" autocomplete="off" spellcheck={false} />
    </Frame>
  );
}

export function FileField(props: FieldProps & { accept: string }) {
  return (
    <Frame {...props}>
      <input {...attributesOf(props)} type="file" accept={props.accept} />
    </Frame>
  );
}

interface SelectProps extends FieldProps {
  options: readonly (readonly [value: string, word: string])[];
  value?: string;
}

export function Select(props: SelectProps) {
  const { name, state = EMPTY_FORM, value, options } = props;
  const chosen = state.values[name]?.at(-1) ?? value;
  return (
    <Frame {...props}>
      <select {...attributesOf(props)}>
        {options.map(([one, word]) => (
          <option value={one} selected={one === chosen}>
            {word}
          </option>
        ))}
      </select>
    </Frame>
  );
}

interface Choice {
  value: string;
  label: string;
  hint?: string;
}

/** Any number of values, as checkboxes. */
export function Checkboxes(
  props: Omit<FieldProps, 'id'> & { choices: readonly Choice[]; value?: readonly string[] },
) {
  const { name, label, hint, required = false, state = EMPTY_FORM, choices, value = [] } = props;
  const problem = state.problems.get(name);
  // A sent form without any checked box has no value, and is not a new form.
  const chosen = state === EMPTY_FORM ? value : (state.values[name] ?? []);
  return (
    <fieldset
      class="field choices"
      {...(problem === undefined ? {} : { 'aria-describedby': `${name}-problem` })}
    >
      <legend>
        {label}
        {!required && <span class="muted"> (optional)</span>}
      </legend>
      {choices.map((choice) => (
        <label>
          <input
            type="checkbox"
            name={name}
            value={choice.value}
            checked={chosen.includes(choice.value)}
          />
          <span>
            {choice.label}
            {choice.hint !== undefined && <span class="detail">{choice.hint}</span>}
          </span>
        </label>
      ))}
      <Hint id={name} hint={hint} problem={problem} />
    </fieldset>
  );
}

/** One checkbox, with the value `true`. */
export function Switch(props: FieldProps & { checked?: boolean }) {
  const { name, label, hint, state = EMPTY_FORM, checked = false } = props;
  const isOn = state === EMPTY_FORM ? checked : state.values[name] !== undefined;
  return (
    <div class="field choices">
      <label>
        <input type="checkbox" name={name} value="true" checked={isOn} />
        <span>
          {label}
          {hint !== undefined && <span class="detail">{hint}</span>}
        </span>
      </label>
      <Hint id={name} hint={undefined} problem={state.problems.get(name)} />
    </div>
  );
}

/** Values that are sent unchanged. */
export function Hidden({ name, values }: { name: string; values: readonly string[] }) {
  return (
    <>
      {values.map((value) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}
