// Lines of JSON pointers in a JSON text.

/** Line, from 1, of the value at the pointer in `text`; null: the text has none. */
export function lineAt(text: string, pointer: string): number | null {
  const want = pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  let found: number | null = null;
  let at = 0;
  const blank = () => {
    while (/\s/.test(text.charAt(at))) at += 1;
  };
  const string = (): string => {
    const start = at;
    for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    at += 1;
    return JSON.parse(text.slice(start, at)) as string;
  };
  /** Walks over a value; `depth` parts of the pointer have led to it, or it is beside the way (-1). */
  const value = (depth: number): void => {
    blank();
    if (depth === want.length) found ??= text.slice(0, at).split('\n').length;
    const open = text[at];
    if (open === '"') return void string();
    if (open !== '{' && open !== '[') {
      while (at < text.length && !/[\s,\]}]/.test(text.charAt(at))) at += 1;
      return;
    }
    at += 1;
    for (let index = 0; ; index += 1) {
      blank();
      if (at >= text.length || text[at] === '}' || text[at] === ']') break;
      let key = String(index);
      if (open === '{') {
        key = string();
        blank();
        at += 1;
      }
      value(depth >= 0 && depth < want.length && want[depth] === key ? depth + 1 : -1);
      blank();
      if (text[at] === ',') at += 1;
    }
    at += 1;
  };
  try {
    value(0);
  } catch {
    return null;
  }
  return found;
}
