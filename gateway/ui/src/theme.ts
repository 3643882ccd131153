// Sets the chosen theme before the first paint. A script of its own, as the page has none inline.
try {
  const theme = localStorage.getItem('hookgate.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
} catch {
  // Storage is refused: the system's preference holds.
}
