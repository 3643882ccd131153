// Name and logos of the portal, as the gateway's configuration has them (`[portal.theme]`): the gateway writes them into the shell.

const meta = (name: string): string | undefined => document.querySelector<HTMLMetaElement>(`meta[name=portal-${name}]`)?.content;

const logo = meta('logo') ?? meta('logo-dark');
export const brand = {
  /** Name in titles; without a theme that of the gateway. */
  name: meta('name') ?? 'hookgate',
  themed: meta('name') !== undefined,
  logo,
  /** Logo on a dark ground. */
  logoDark: meta('logo-dark') ?? logo,
};
