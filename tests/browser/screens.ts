// The screens of both areas, as the application's own routes name them: a new screen is tested without a line here.
import { routes as dashboard } from '../../gateway/ui/src/dashboard/routes';
import { routes as portal } from '../../gateway/ui/src/portal/routes';
import type { Area } from './fixtures';
import { world } from './world';

export type Screen = { area: Area; path: string; nav: string | undefined };

export const screens: Screen[] = [...dashboard.map((route) => screen('dashboard', route)), ...portal.map((route) => screen('portal', route))];

function screen(area: Area, route: { path: string; nav?: { label: string } }): Screen {
  return { area, path: route.path, nav: route.nav?.label };
}

/** Address of a screen, its parameters filled in by what the world has. */
export function address({ area, path }: Screen): string {
  const parts = path.split('/');
  const filled = parts.map((part, index) => {
    if (!part.startsWith(':')) return part;
    const sample = world().samples[parts[index - 1] ?? ''];
    if (!sample) throw new Error(`the screen ${path} has a parameter that no sample is known for: give seed() in world.ts one for "${parts[index - 1]}"`);
    return encodeURIComponent(sample);
  });
  return `/${area}${filled.join('/')}`;
}
