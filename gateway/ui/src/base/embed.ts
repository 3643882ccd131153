// The portal within another page: no frame of its own, and its height told to the page around it.
import { area } from './router';

const asked = new URLSearchParams(location.search);

/** Set where the page around has a navigation of its own (`?hide_navigation=1`). It holds for the tab. */
export const bare: boolean = area === 'portal' && isBare();
/** Set where the portal is asked to (`?embed=1`), or is in an iframe anyway. */
export const embedded: boolean = area === 'portal' && (bare || asked.get('embed') === '1' || window.parent !== window);

function isBare(): boolean {
  const wish = asked.get('hide_navigation');
  try {
    if (wish !== null) sessionStorage.setItem('hookgate.bare', wish);
    return (wish ?? sessionStorage.getItem('hookgate.bare')) === '1';
  } catch {
    return wish === '1';
  }
}

/** Messages to the page around. None holds anything secret: any page may be the receiver. */
export function tellParent(message: { type: 'hookgate:height'; height: number } | { type: 'hookgate:session-expired' }): void {
  if (area === 'portal' && window.parent !== window) window.parent.postMessage(message, '*');
}

export function startEmbed(): void {
  if (!embedded) return;
  document.documentElement.classList.add('is-embedded');
  const content = document.getElementById('app');
  if (content) new ResizeObserver(() => tellParent({ type: 'hookgate:height', height: Math.ceil(content.getBoundingClientRect().height) })).observe(content);
}
