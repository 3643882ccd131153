// Sets light or dark before the first paint, and with the system later. A script of its own, as the page has none inline.
// A theme in the address (`?theme=`) holds for the tab, the choice that was made in the page for the browser.
const root = document.documentElement;
try {
  const asked = new URLSearchParams(location.search).get('theme');
  if (asked === 'light' || asked === 'dark' || asked === 'auto') sessionStorage.setItem('hookgate.theme', asked);
  const theme = sessionStorage.getItem('hookgate.theme') ?? localStorage.getItem('hookgate.theme');
  if (theme === 'light' || theme === 'dark') root.dataset['chosen'] = theme;
} catch {
  // Storage is refused: the system's preference holds.
}
const system = matchMedia('(prefers-color-scheme: dark)');
const paint = () => (root.dataset['theme'] = root.dataset['chosen'] ?? (system.matches ? 'dark' : 'light'));
system.addEventListener('change', paint);
// The page chooses another one: see base/theme.ts.
addEventListener('hookgate-theme', paint);
paint();
