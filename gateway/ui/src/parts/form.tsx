// Form fields with their errors. A field shows what the gateway says of its JSON pointer.
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { type ApiError, isAt, toApiError } from '../api/client';
import { ErrorBox } from './state';

type Common = {
  label: string;
  hint?: ComponentChildren;
  /** Place of the field in the request's body, such as `/url`. */
  pointer?: string;
  error?: ApiError | undefined;
};

/** What a control needs of its field, for those that are not here. */
export type ControlProps = { id: string; 'aria-invalid': boolean; 'aria-describedby': string | undefined };

export function Field({ label, hint, pointer, error, children }: Common & { children: (control: ControlProps) => ComponentChildren }) {
  const id = useId();
  const wrong = pointer === undefined ? undefined : error?.at(pointer);
  const describedBy = [hint && `${id}-hint`, wrong && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class={wrong ? 'field is-wrong' : 'field'}>
      <label for={id}>{label}</label>
      {children({ id, 'aria-invalid': wrong !== undefined, 'aria-describedby': describedBy || undefined })}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-error`}>
          {wrong}
        </p>
      )}
    </div>
  );
}

type TextProps = Common & {
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'url' | 'password' | 'number';
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  /** Lines of a longer text. */
  rows?: number;
  /** Code: fixed width, no spelling. */
  code?: boolean;
  autofocus?: boolean;
};

export function TextField(props: TextProps) {
  const { value, onInput, type = 'text', placeholder, required, disabled, rows, code } = props;
  const own = { value, placeholder, required, disabled, class: code ? 'input is-code' : 'input', spellcheck: !code, autocomplete: 'off' } as const;
  return (
    <Field {...props}>
      {(control) =>
        rows ? (
          <textarea {...control} {...own} rows={rows} onInput={(event) => onInput(event.currentTarget.value)} />
        ) : (
          // Preact's types have one shape for each type of input; those of TextProps share the one of `text`.
          <input {...control} {...own} type={type as 'text'} autofocus={props.autofocus} onInput={(event) => onInput(event.currentTarget.value)} />
        )
      }
    </Field>
  );
}

export function SelectField(props: Common & { value: string; onChange: (value: string) => void; options: { value: string; label: string }[] }) {
  return (
    <Field {...props}>
      {(control) => (
        <select {...control} class="input" value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
          {props.options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField({ label, hint, value, onChange }: Omit<Common, 'pointer' | 'error'> & { value: boolean; onChange: (value: boolean) => void }) {
  const id = useId();
  return (
    <div class="check-field">
      <input id={id} type="checkbox" checked={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => onChange(event.currentTarget.checked)} />
      <div>
        <label for={id}>{label}</label>
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

/** A submission: busy while it runs, and its problem afterwards. */
export function useSubmit(run: () => Promise<unknown>): { busy: boolean; error: ApiError | undefined; submit: (event?: Event) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const submit = (event?: Event) => {
    event?.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    run()
      .catch((cause: unknown) => setError(toApiError(cause)))
      .finally(() => setBusy(false));
  };
  return { busy, error, submit };
}

/** The problem of a form, unless each of its errors is shown at a field. */
export function FormError({ error, pointers }: { error: ApiError | undefined; pointers: string[] }) {
  if (!error) return null;
  const errors = error.problem.errors ?? [];
  if (errors.length > 0 && errors.every((one) => pointers.some((pointer) => isAt(one.pointer, pointer)))) return null;
  return <ErrorBox error={error} />;
}
