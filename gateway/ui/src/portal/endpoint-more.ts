// What is seen of an endpoint when it is asked for, as one file.
export { Ask } from './endpoint-ask';
export { Made } from './made-endpoint';
export { Recover } from './recover';
export { Settings } from './endpoint-settings';
export { Signing } from './signing';
export { Test } from './test';
