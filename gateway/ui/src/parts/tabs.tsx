// Tabs whose choice is in the address (`?tab=`): arrow keys move, and the browser's way back works.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useQuery } from '../base/router';

export type Tab = { name: string; label: string; count?: number | undefined; body: () => ComponentChildren };

export function Tabs({ tabs, label, param = 'tab' }: { tabs: Tab[]; label: string; param?: string }) {
  const { params, set } = useQuery();
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const chosen = tabs.find((tab) => tab.name === params.get(param)) ?? tabs[0];
  // On a narrow screen the strip is wider than the page.
  useEffect(() => list.current?.querySelector('[aria-selected=true]')?.scrollIntoView?.({ block: 'nearest', inline: 'nearest' }), [chosen?.name]);
  if (!chosen) return null;
  const choose = (tab: Tab | undefined) => tab && set({ [param]: tab === tabs[0] ? null : tab.name }, { replace: true });
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1 };
    const step = steps[event.key];
    const at = tabs.indexOf(chosen);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? tabs.length - 1 : step ? (at + step + tabs.length) % tabs.length : null;
    if (next === null) return;
    event.preventDefault();
    choose(tabs[next]);
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  return (
    <div class="tabbed">
      <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab.name}
            type="button"
            role="tab"
            id={`${id}-${tab.name}`}
            aria-selected={tab === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => choose(tab)}
          >
            {tab.label}
            {tab.count !== undefined && <span class="count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen.name}`} tabIndex={0}>
        {chosen.body()}
      </div>
    </div>
  );
}
