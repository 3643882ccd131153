// Short messages in the corner: what an action came to.
import { signal } from '@preact/signals';
import { toApiError } from '../api/client';
import { Icon } from './icon';

type Toast = { id: number; text: string; tone: 'good' | 'bad' };

const toasts = signal<Toast[]>([]);
const MOST = 4;
let lastId = 0;

export function toast(text: string, tone: Toast['tone'] = 'good'): void {
  const id = ++lastId;
  toasts.value = [...toasts.value, { id, text, tone }].slice(-MOST);
  setTimeout(() => dismiss(id), tone === 'bad' ? 10_000 : 5000);
}

/** Shows a failed action's problem. */
export function toastError(cause: unknown): void {
  const { problem } = toApiError(cause);
  toast([problem.title, problem.detail, problem.fix].filter(Boolean).join('. ').replaceAll('..', '.'), 'bad');
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, tone }) => (
        <div key={id} class={`toast is-${tone}`}>
          <Icon name={tone === 'good' ? 'check' : 'dead'} />
          <span>{text}</span>
          <button type="button" class="copy" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
