// Modal dialogs. The browser's <dialog> keeps the focus inside, closes on Escape and gives the focus back.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { toApiError, type ApiError } from '../api/client';
import { embedded } from '../base/embed';
import { Icon } from './icon';
import { ErrorBox } from './state';

export type DialogProps = {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons at the foot. */
  actions?: ComponentChildren;
  wide?: boolean;
};

/** Open as long as it is rendered. */
export function Dialog({ title, onClose, children, actions, wide }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    // A frame that is as high as its content has no middle that is in sight: the dialog opens near what was pressed.
    if (embedded && before) element?.style.setProperty('margin-top', `${Math.max(12, before.getBoundingClientRect().top - 160)}px`);
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? 'dialog is-wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => (event.preventDefault(), onClose())}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-box">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="copy" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-body">{children}</div>
        {actions && <footer>{actions}</footer>}
      </div>
    </dialog>
  );
}

export type ConfirmProps = {
  title: string;
  /** What will happen, in a sentence. */
  children: ComponentChildren;
  /** The verb on the button. */
  action: string;
  danger?: boolean;
  /** False leaves the dialog to the caller. */
  run: () => Promise<unknown>;
  onClose: () => void;
};

/** Asks before an action, runs it, and shows its problem in the dialog. */
export function Confirm({ title, children, action, danger, run, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const go = async () => {
    setBusy(true);
    try {
      if ((await run()) !== false) onClose();
    } catch (cause) {
      setError(toApiError(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" class={danger ? 'button is-danger' : 'button is-primary'} disabled={busy} onClick={go}>
            {action}
          </button>
        </>
      }
    >
      {children}
      {error && <ErrorBox error={error} />}
    </Dialog>
  );
}
