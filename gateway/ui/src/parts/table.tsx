// Table whose rows are links. Arrow keys (and j, k) move between rows; more than 200 rows are windowed.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import type { List } from '../api/list';
import { Icon } from './icon';
import { Empty, ErrorBox } from './state';

export type Column<T> = {
  name: string;
  title: string;
  cell: (row: T) => ComponentChildren;
  /** Right-aligned, with figures of equal width. */
  number?: boolean;
  /** Takes the space that the others leave. One column of a table has it. */
  grow?: boolean;
  /** Left out on screens narrower than 720 px (`narrow`) or 1280 px (`medium`). */
  hide?: 'narrow' | 'medium';
  /** Title for screen readers only. */
  quiet?: boolean;
};

export type TableProps<T> = {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Page of the row, if it has one. Its link is on the content of the first column and covers the row. */
  href?: (row: T) => string | undefined;
  loading?: boolean;
  error?: ApiError | undefined;
  retry?: () => void;
  /** Shown where there is no row. */
  empty?: ComponentChildren;
};

/** Rows from which on only the visible ones are in the document. */
const WINDOWED_FROM = 200;
const ROW_HEIGHT = 41;
/** Rows above and below the visible ones that are kept ready. */
const OVERSCAN = 20;

export function Table<T>(props: TableProps<T>) {
  const { label, columns, rows, loading, error, retry, empty } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const windowed = rows.length > WINDOWED_FROM;
  const { from, to } = useWindow(body, rows.length, windowed);
  if (error && rows.length === 0) return <ErrorBox error={error} retry={retry} />;
  if (!loading && rows.length === 0) return <>{empty ?? <Empty title="Nothing here" />}</>;
  return (
    <div class="table-box">
      <table class={`table ${props.href ? 'has-links' : ''} ${windowed ? 'is-windowed' : ''}`} aria-label={label} aria-busy={loading === true} aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={classOf(column)}>
                {column.quiet ? <span class="sr-only">{column.title}</span> : column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={moveFocus}>
          {loading && rows.length === 0 ? (
            <Bones columns={columns} />
          ) : (
            <>
              <Spacer rows={from} width={columns.length} />
              {rows.slice(from, to).map((row, index) => (
                <tr key={props.rowKey(row)} aria-rowindex={from + index + 2}>
                  {columns.map((column, place) => (
                    <td key={column.name} class={classOf(column)}>
                      {place === 0 && props.href?.(row) ? (
                        <a class="row-link" href={props.href(row)}>
                          {column.cell(row)}
                        </a>
                      ) : (
                        column.cell(row)
                      )}
                    </td>
                  ))}
                </tr>
              ))}
              <Spacer rows={rows.length - to} width={columns.length} />
            </>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** A list, whatever its rows were made of. */
type Paged = Omit<List<unknown>, 'rows'>;

/** Table of a list with cursors: states, paging, and a note where the gateway stopped searching. */
export function ListTable<T>({ list, empty, ...props }: Omit<TableProps<T>, 'rows' | 'loading' | 'error' | 'retry'> & { list: Paged & { rows: T[] } }) {
  const partial = list.data?.partial === true;
  return (
    <>
      {list.error && list.rows.length > 0 && <ErrorBox error={list.error} retry={list.reload} />}
      <Table
        {...props}
        rows={list.rows}
        loading={list.data === undefined && !list.error}
        error={list.error}
        retry={list.reload}
        empty={partial ? <Empty title="Nothing found so far">The gateway has searched a part of the list. Go on to what is older.</Empty> : empty}
      />
      <Pager list={list} partial={partial} shown={list.rows.length} />
    </>
  );
}

function Pager({ list, partial, shown }: { list: Paged; partial: boolean; shown: number }) {
  if (!list.older && !list.newer && !list.first) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <span class="muted">{partial && shown > 0 ? 'A part of the list was searched; older entries may match too.' : ''}</span>
      <button type="button" class="button" disabled={!list.first} onClick={list.first} aria-label="Newest">
        <Icon name="first" />
      </button>
      <button type="button" class="button" disabled={!list.newer} onClick={list.newer}>
        <Icon name="left" />
        Newer
      </button>
      <button type="button" class="button" disabled={!list.older} onClick={list.older}>
        Older
        <Icon name="right" />
      </button>
    </nav>
  );
}

const classOf = <T,>({ number, grow, hide }: Column<T>): string =>
  [number && 'is-number', grow && 'is-grow', hide && `hide-${hide}`].filter(Boolean).join(' ');

function Bones<T>({ columns }: { columns: Column<T>[] }) {
  return (
    <>
      {Array.from({ length: 8 }, (_, row) => (
        <tr key={row}>
          {columns.map((column, index) => (
            <td key={column.name} class={classOf(column)}>
              <span class={`bone bone-${(row + index) % 3}`} />
            </td>
          ))}
        </tr>
      ))}
    </>
  );
}

/** Stands for rows that are not in the document. */
function Spacer({ rows, width }: { rows: number; width: number }) {
  const row = useRef<HTMLTableRowElement>(null);
  useLayoutEffect(() => row.current?.style.setProperty('height', `${rows * ROW_HEIGHT}px`), [rows]);
  if (rows <= 0) return null;
  return (
    <tr ref={row} class="spacer" aria-hidden="true">
      <td colSpan={width} />
    </tr>
  );
}

/** The rows to render: all of a short table, those near the viewport of a long one. */
function useWindow(body: { current: HTMLElement | null }, total: number, windowed: boolean): { from: number; to: number } {
  const [first, setFirst] = useState(0);
  useEffect(() => {
    if (!windowed) return;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const row = Math.floor(Math.max(0, -top) / ROW_HEIGHT);
      // In steps of half the overscan: most of scrolling renders nothing.
      setFirst(Math.max(0, row - (row % (OVERSCAN / 2)) - OVERSCAN));
    };
    const later = () => (frame ||= requestAnimationFrame(measure));
    measure();
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', later);
      removeEventListener('resize', later);
    };
  }, [windowed, total]);
  if (!windowed) return { from: 0, to: total };
  const from = Math.min(first, Math.max(0, total - 1));
  return { from, to: Math.min(total, from + Math.ceil(innerHeight / ROW_HEIGHT) + 3 * OVERSCAN) };
}

function moveFocus(event: KeyboardEvent): void {
  const step = event.key === 'ArrowDown' || event.key === 'j' ? 1 : event.key === 'ArrowUp' || event.key === 'k' ? -1 : 0;
  if (!step || event.ctrlKey || event.metaKey || event.altKey || !(event.currentTarget instanceof HTMLElement)) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('.row-link')];
  const next = links[links.findIndex((link) => link.closest('tr')?.contains(document.activeElement)) + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.closest('tr')?.scrollIntoView({ block: 'nearest' });
}
