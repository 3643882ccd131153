// The catalogue of event types, and tests of an endpoint with its examples, as one file.
import '../core';

export { default as Catalogue } from './catalogue';
export { default as EventType } from './event-type';
export { Test } from './test';
