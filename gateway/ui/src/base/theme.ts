// Light, dark or the system's colours. `src/theme.ts` applies the choice before the first paint.
import { signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = signal<Theme>(document.documentElement.dataset['theme'] === 'light' ? 'light' : document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'auto');

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = next;
  try {
    sessionStorage.removeItem('hookgate.theme');
    if (next === 'auto') localStorage.removeItem('hookgate.theme');
    else localStorage.setItem('hookgate.theme', next);
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
}
