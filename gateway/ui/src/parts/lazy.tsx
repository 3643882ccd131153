// Parts of a screen that are loaded when they are shown first.
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Empty, Skeleton } from './state';

/** `meanwhile` stands in its place until it is there. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, meanwhile: ComponentChildren = <Skeleton />): ComponentType<P> {
  let Loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [failed, setFailed] = useState(false);
    const [, render] = useState(0);
    useEffect(() => {
      if (Loaded) return;
      load()
        .then((part) => (Loaded = part))
        .then(() => render(1))
        .catch(() => setFailed(true));
    }, []);
    if (Loaded) return <Loaded {...props} />;
    return failed ? <Empty title="This part could not be loaded" icon="dead" /> : <>{meanwhile}</>;
  };
}
