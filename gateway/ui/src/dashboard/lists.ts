// The lists over all tenants, as one file.
import '../core';

export { default as Attempts } from './attempts';
export { default as DeadLetters } from './dead-letters';
export { default as Deliveries } from './deliveries';
export { default as Events } from './events';
export { default as Live } from './live';
export { default as Tenants } from './tenants';
