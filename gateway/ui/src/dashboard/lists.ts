// The operator's own lists, as one file.
import '../core';

export { default as Live } from './live';
export { default as Tenants } from './tenants';
