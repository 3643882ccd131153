// The overview, what shares its list of attempts, and the gateway as a whole, as one file.
import '../core';

export { default as Attempts } from './attempts';
export { default as Gateway } from './gateway';
export { default as Overview } from './overview';
export { default as Plugins } from './plugins';
