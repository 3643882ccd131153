// The application: sign-in, or the frame with the screen of the address.
import { Component, type ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { toApiError } from './api/client';
import { find, here, navigate, type Route, url, useScreen } from './base/router';
import { can, mayOpen, sessionState } from './base/session';
import { Page } from './parts/page';
import { Shell } from './parts/shell';
import { SignIn } from './parts/sign-in';
import { Empty, ErrorBox, Skeleton } from './parts/state';
import { Toasts } from './parts/toast';

export function App({ routes }: { routes: Route[] }) {
  const state = sessionState.value;
  return (
    <>
      {state.at === 'signed-out' && <SignIn reason={state.reason} refresh={state.refresh} />}
      {state.at === 'signed-in' && (
        <Shell routes={routes}>
          <Current routes={routes} />
        </Shell>
      )}
      <Toasts />
    </>
  );
}

function Current({ routes }: { routes: Route[] }) {
  const found = find(routes);
  const { screen: Screen, failed } = useScreen(found?.route);
  const home = !found && here.value.path.replace(/\/$/, '') === url('/') ? routes.find((route) => route.nav && mayOpen(route)) : undefined;
  useEffect(() => {
    if (home) navigate(url(home.path), { replace: true });
  }, [home]);
  if (home) return null;
  if (!found) return <NotFound />;
  if (!mayOpen(found.route)) {
    return (
      <Page title="Not allowed">
        <Empty title="Your session does not include this page" icon="key">
          {found.route.needs && !can(found.route.needs) ? (
            <>
              It needs the capability <code>{found.route.needs}</code>.
            </>
          ) : (
            'It reaches a part of the account only.'
          )}
        </Empty>
      </Page>
    );
  }
  if (failed) {
    return (
      <Page title="Not loaded">
        <Empty title="This page could not be loaded" icon="dead">
          The gateway may have been updated or be restarting.{' '}
          <button type="button" class="link" onClick={() => location.reload()}>
            Load again
          </button>
        </Empty>
      </Page>
    );
  }
  if (!Screen) return <Skeleton lines={6} />;
  return (
    <Guard key={here.value.path}>
      <Screen params={found.params} />
    </Guard>
  );
}

function NotFound() {
  return (
    <Page title="Not found">
      <Empty title="There is no such page">
        <a href={url('/')}>Back to the beginning</a>
      </Empty>
    </Page>
  );
}

/** A fault in a screen leaves the frame as it is. */
class Guard extends Component<{ children: ComponentChildren }, { cause?: unknown }> {
  override state: { cause?: unknown } = {};
  static override getDerivedStateFromError(cause: unknown) {
    return { cause };
  }
  override render() {
    return this.state.cause === undefined ? this.props.children : <ErrorBox error={toApiError(this.state.cause)} />;
  }
}
