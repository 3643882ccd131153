// Icons: 16 by 16 strokes in the colour of the text. Decoration only: the words stand beside them or in a label.
import { brand } from '../base/brand';

const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5v6h-4v-4h-3v4h-4z',
  send: 'M2.5 8h9m-4-4 4 4-4 4M13.5 3v10',
  event: 'M8.5 2 4 9h4l-.5 5L12 7H8z',
  dead: 'M8 5v3.5M8 11v.2M8 2l6.5 11.5h-13z',
  tenant: 'M3 14V3.5h6V14m0-7.5h4V14M1.5 14h13M5 6h2M5 8.5h2M5 11h2',
  endpoint: 'M6.5 9.5 9.5 6.5M7 5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 9M9 11l-1.5 1.5a2.8 2.8 0 0 1-4-4L5 7',
  plugin: 'M6 2v3M10 2v3M4 5h8v3a4 4 0 0 1-8 0zM8 12v2.5',
  chain: 'M2 8h2.5m3 0h1m3 0H14M4.5 6.5h3v3h-3zM8.5 6.5h3v3h-3z',
  catalogue: 'M3 3h10M3 6.3h10M3 9.6h10M3 13h6',
  job: 'M3 3.5h10v9H3zM5.5 6.5h5M5.5 9.5h3',
  history: 'M8 4.5V8l2.5 1.5M2.5 8A5.5 5.5 0 1 0 4.2 4M2.5 2v3h3',
  key: 'M9.5 6.5 3 13m2-2 1.5 1.5M13.5 5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
  gear: 'M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zM8 2v1.5M8 12.5V14M2 8h1.5M12.5 8H14M3.8 3.8l1 1M11.2 11.2l1 1M12.2 3.8l-1 1M4.8 11.2l-1 1',
  tail: 'M2 8h3l1.5-4 3 8L11 8h3',
  chart: 'M2.5 2.5v11h11M5 10.5l2.5-3 2 2 3.5-4.5',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  auto: 'M2.5 3.5h11v7.5h-11zM6 13.5h4',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  close: 'm4 4 8 8m0-8-8 8',
  check: 'm3 8.5 3.5 3.5L13 4.5',
  copy: 'M6 6h7v7H6zM10 6V3H3v7h3',
  right: 'm6 3.5 4.5 4.5L6 12.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  first: 'M11.5 3.5 7 8l4.5 4.5M4 3.5v9',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zm3.2 7.7 3.3 3.3',
  signout: 'M9.5 3H3v10h6.5M7 8h7m-2.5-2.5L14 8l-2.5 2.5',
  retry: 'M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3',
  play: 'M5 3v10l8-5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  plus: 'M8 3v10M3 8h10',
  edit: 'm3 13 .6-2.8L10.8 3a1.4 1.4 0 0 1 2.2 2.2L5.8 12.4z',
  usage: 'M2.5 12a5.5 5.5 0 1 1 11 0M8 12l2.5-4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name as IconName] ?? PATHS.right} />
    </svg>
  );
}

/** The logo: the configured one of each ground, or the gateway's own mark. */
export function Mark() {
  if (brand.logo) {
    return (
      <>
        <img class="logo is-light" src={brand.logo} alt="" />
        <img class="logo is-dark" src={brand.logoDark} alt="" />
      </>
    );
  }
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M11 7v12a5 5 0 0 0 10 0v-3m0 0-3.5 3.5m3.5-3.5 3.5 3.5" />
    </svg>
  );
}
