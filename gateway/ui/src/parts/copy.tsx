// Copies a text to the clipboard.
import { useState } from 'preact/hooks';
import { shortId } from '../base/format';
import { Icon } from './icon';
import { toast } from './toast';

export function Copy({ text, label = 'Copy', words }: { text: string; label?: string; words?: boolean }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      toast('The browser refused to copy. Select the text and copy it yourself.', 'bad');
    }
  };
  return (
    <button type="button" class={words ? 'button' : 'copy'} onClick={copy} aria-label={done ? 'Copied' : label} title={label}>
      <Icon name={done ? 'check' : 'copy'} />
      {words && (done ? 'Copied' : label)}
    </button>
  );
}

/** An id, shortened in the middle, with a button that copies all of it. `href` makes it a link; `whole`: not shortened where there is no pointer to show its title. */
export function Id({ value, href, whole }: { value: string; href?: string; whole?: boolean }) {
  const text = whole ? (
    <>
      <span class="hide-narrow">{shortId(value)}</span>
      <span class="only-narrow">{value}</span>
    </>
  ) : (
    shortId(value)
  );
  return (
    <span class="id">
      {href ? (
        <a href={href} title={value}>
          {text}
        </a>
      ) : (
        <code title={value}>{text}</code>
      )}
      <Copy text={value} label={`Copy ${value.split('_')[0] ?? ''} id`} />
    </span>
  );
}
