// <hookgate-portal>: the tenant portal in a page of yours. A classic script of its own, without dependencies.
// It keeps an iframe as high as its content and gets a new link when the session has ended. See docs/embedding.md.

/** Milliseconds within which no second link is asked for: a link that does not work must not become a loop. */
const AGAIN_AFTER = 10_000;
const LEAST_HEIGHT = 480;
const MOST_HEIGHT = 20_000;

class HookgatePortal extends HTMLElement {
  static readonly observedAttributes = ['src', 'theme', 'hide-navigation'];
  private readonly frame = document.createElement('iframe');
  private asked = -AGAIN_AFTER;

  constructor() {
    super();
    const style: Record<string, string> = { display: 'block', width: '100%', height: `${LEAST_HEIGHT}px`, border: '0', 'color-scheme': 'auto' };
    for (const [name, value] of Object.entries(style)) this.frame.style.setProperty(name, value);
    this.frame.title = 'Webhooks';
    this.frame.allow = 'clipboard-write';
    this.frame.referrerPolicy = 'no-referrer';
    this.attachShadow({ mode: 'open' }).append(this.frame);
  }

  connectedCallback(): void {
    this.style.setProperty('display', 'block');
    addEventListener('message', this.hear);
    if (this.getAttribute('src')) this.open();
    else void this.refresh();
  }

  disconnectedCallback(): void {
    removeEventListener('message', this.hear);
  }

  attributeChangedCallback(_: string, before: string | null, after: string | null): void {
    if (this.isConnected && before !== after) this.open();
  }

  /** Shows the link of the attribute `src`. */
  private open(): void {
    const src = this.getAttribute('src');
    if (!src) return;
    const url = new URL(src, location.href);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return;
    url.searchParams.set('embed', '1');
    const theme = this.getAttribute('theme');
    if (theme) url.searchParams.set('theme', theme);
    url.searchParams.set('hide_navigation', this.hasAttribute('hide-navigation') ? '1' : '0');
    this.frame.title = this.getAttribute('label') ?? 'Webhooks';
    this.frame.src = url.href;
  }

  private readonly hear = ({ source, origin, data }: MessageEvent): void => {
    const src = this.frame.src;
    if (!src || source !== this.frame.contentWindow || origin !== new URL(src).origin || typeof data !== 'object' || !data) return;
    if (data.type === 'hookgate:height' && Number.isFinite(data.height)) {
      this.frame.style.setProperty('height', `${Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, data.height))}px`);
    } else if (data.type === 'hookgate:session-expired') void this.refresh();
  };

  /** Gets a new link: from a listener of `hookgate-refresh` that sets `src`, or from the address in `refresh-url`. */
  private async refresh(): Promise<void> {
    if (performance.now() - this.asked < AGAIN_AFTER) return;
    this.asked = performance.now();
    const event = new CustomEvent('hookgate-refresh', { bubbles: true, composed: true, cancelable: true });
    const from = this.getAttribute('refresh-url');
    if (!this.dispatchEvent(event) || !from) return;
    try {
      const answer = await fetch(from, { method: 'POST', credentials: 'same-origin', headers: { accept: 'application/json' } });
      const { url } = (await answer.json()) as { url?: unknown };
      if (answer.ok && typeof url === 'string') this.setAttribute('src', url);
      else throw new Error(`${from} answered ${answer.status}, without a link`);
    } catch (cause) {
      this.dispatchEvent(new CustomEvent('hookgate-error', { bubbles: true, composed: true, detail: cause }));
    }
  }
}

if (!customElements.get('hookgate-portal')) customElements.define('hookgate-portal', HookgatePortal);
