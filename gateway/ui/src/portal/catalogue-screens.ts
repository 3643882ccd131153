// The catalogue of event types, and what tests an endpoint with its examples, as one file.
import '../core';

export { default as Catalogue } from './catalogue';
export { default as EventType } from './event-type';
export { Made } from './made-endpoint';
export { Test } from './test';
