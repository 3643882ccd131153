// The screens that are seen most, as one file: many small files take longer to load, and compress worse.
export { default as Catalogue } from './catalogue';
export { default as DeadLetters } from './dead-letters';
export { default as Deliveries } from './deliveries';
export { default as Endpoints } from './endpoints';
export { default as Events } from './events';
export { default as EventType } from './event-type';
export { default as Tail } from './tail';
export { default as Usage } from './usage';
