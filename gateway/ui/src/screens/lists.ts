// The lists that both areas have, as one file.
import '../core';

export { default as DeadLetters } from './dead-letters';
export { default as Deliveries } from './deliveries';
export { default as Events } from './events';
