// The lists, as one file.
import '../core';

export { default as DeadLetters } from './dead-letters';
export { default as Deliveries } from './deliveries';
export { default as Endpoints } from './endpoints';
export { default as Events } from './events';
