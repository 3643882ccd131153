// Choice of light, dark or the system's colours. `src/theme.ts` applies it, before the first paint and later.
import { signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

const root = document.documentElement;
export const theme = signal<Theme>((root.dataset['chosen'] as Theme | undefined) ?? 'auto');

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === 'auto') delete root.dataset['chosen'];
  else root.dataset['chosen'] = next;
  dispatchEvent(new Event('hookgate-theme'));
  try {
    sessionStorage.removeItem('hookgate.theme');
    if (next === 'auto') localStorage.removeItem('hookgate.theme');
    else localStorage.setItem('hookgate.theme', next);
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
}
