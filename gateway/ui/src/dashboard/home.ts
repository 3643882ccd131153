// The gateway as a whole, as one file.
import '../core';

export { default as Gateway } from './gateway';
export { default as Overview } from './overview';
export { default as Plugins } from './plugins';
