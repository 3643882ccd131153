// Prometheus' text form, as far as the pages read it.

/** Samples by name with their labels. */
export function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

/** Samples of one metric with their labels. */
export function labelled(found: Map<string, number>, metric: string): { labels: Record<string, string>; value: number }[] {
  const all: { labels: Record<string, string>; value: number }[] = [];
  for (const [name, value] of found) {
    if (!name.startsWith(`${metric}{`)) continue;
    all.push({ labels: Object.fromEntries([...name.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text])), value });
  }
  return all;
}
