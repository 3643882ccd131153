// Frame of a screen: title, way back, actions. Sets the document's title and moves the focus to a new screen.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { brand } from '../base/brand';
import { here } from '../base/router';
import { Icon } from './icon';

type Crumb = { label: string; href: string };

export type PageProps = {
  title: string;
  /** Shown in place of the title, for example with a badge beside it. */
  heading?: ComponentChildren;
  crumbs?: Crumb[] | undefined;
  actions?: ComponentChildren;
  /** Line below the title. */
  about?: ComponentChildren;
  children: ComponentChildren;
};

let lastPath: string | null = null;

export function Page({ title, heading, crumbs, actions, about, children }: PageProps) {
  const head = useRef<HTMLHeadingElement>(null);
  const { path } = here.value;
  useEffect(() => {
    document.title = `${title} · ${brand.name}`;
  }, [title]);
  useEffect(() => {
    // Not at the first screen: there the browser's own focus is right.
    if (lastPath !== null && lastPath !== path) head.current?.focus({ preventScroll: true });
    lastPath = path;
  }, [path]);
  return (
    <>
      <header class="page-head">
        <div class="page-title">
          {crumbs && crumbs.length > 0 && (
            <nav class="crumbs" aria-label="Breadcrumb">
              {crumbs.map(({ label, href }, index) => (
                <>
                  {index > 0 && <Icon name="right" />}
                  <a href={href}>{label}</a>
                </>
              ))}
            </nav>
          )}
          <h1 ref={head} tabIndex={-1}>
            {heading ?? title}
          </h1>
          {about && <p class="about">{about}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** A titled part of a screen. */
export function Section({ title, actions, children }: { title?: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section">
      {(title || actions) && (
        <div class="section-head">
          {title && <h2>{title}</h2>}
          {actions && <div class="actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** Label and value pairs. Pairs with a null value are left out. */
export function Facts({ items }: { items: [label: string, value: ComponentChildren][] }) {
  return (
    <dl class="facts">
      {items
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
